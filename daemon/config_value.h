// The kinds of values a configuration holds: how each is read from TOML, what it expects, how it is written back.
#pragma once
#include <toml.hpp>

#include <algorithm>
#include <concepts>
#include <expected>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/nearest.h"
#include "proto/base/address.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/core/core.h"

namespace bp2p {

/// Why a value will not do: `expected 1 to 62`, and perhaps what was meant.
struct WrongValue {
  std::string expected;
  std::string meant;                 ///< shown as `did you mean …?`; empty: no idea
  const toml::value* at = nullptr;   ///< the element of a list or table that is wrong; none: the value itself
  std::string entry;                 ///< the wrong name in a table; empty: not about a name
};
template <class T>
using Read = std::expected<T, WrongValue>;

/// A kind of value: one thing to read it, one to write it as TOML.
template <class T>
struct Kind {
  std::function<Read<T>(const toml::value&)> read;
  std::function<std::string(const T&)> write;
};

/// `expected "a", "b" or "c"` without the word expected.
std::string either(const std::vector<std::string>& words);

Kind<std::string> text_kind(std::size_t bytes_min, std::size_t bytes_max);
Kind<std::string> group_kind();                          // a group of this host, or ""
Kind<std::filesystem::path> path_kind(bool may_be_empty);
Kind<std::filesystem::path> socket_path_kind();
/// A program's absolute path and its arguments, a list of at most 32 texts; or [].
Kind<std::vector<std::string>> command_kind();
Kind<Duration> duration_kind(Duration least, Duration most);
Kind<std::uint64_t> size_kind(std::uint64_t least, std::uint64_t most);
Kind<std::vector<Address>> addresses_kind(std::size_t count_min);
Kind<JoinTarget> join_target_kind();                     // a node name, or an address
Kind<std::map<NodeName, std::vector<Address>>> address_table_kind();
Kind<std::map<NodeName, std::vector<std::uint32_t>>> owner_table_kind();
/// "auto" or a number of bytes.
Kind<std::optional<std::uint16_t>> payload_kind(std::uint16_t least, std::uint16_t most);

/// A whole number in a range.
template <std::unsigned_integral T>
Kind<T> number_kind(T least, T most) {
  return {.read = [=](const toml::value& value) -> Read<T> {
            if (value.is_integer() && std::cmp_greater_equal(value.as_integer(), least) &&
                std::cmp_less_equal(value.as_integer(), most))
              return static_cast<T>(value.as_integer());
            return std::unexpected(WrongValue{.expected = "a whole number from " + std::to_string(least) + " to " +
                                                          std::to_string(most), .meant = "", .entry = ""});
          },
          .write = [](const T& value) { return std::to_string(value); }};
}

/// One of a few words.
template <class Enum>
Kind<Enum> choice_kind(std::vector<std::pair<std::string, Enum>> choices) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  return {.read = [=](const toml::value& value) -> Read<Enum> {
            const std::string text = value.is_string() ? value.as_string() : "";
            for (const auto& [word, meaning] : choices)
              if (word == text) return meaning;
            return std::unexpected(WrongValue{.expected = either(words), .meant = nearest(text, words), .entry = ""});
          },
          .write = [=](const Enum& value) {
            const auto found = std::ranges::find(choices, value, &std::pair<std::string, Enum>::second);
            return toml_text(found == choices.end() ? "" : found->first);
          }};
}

/// A list of such words, each at most once; a single word is a list of one.
template <class T>
Kind<std::vector<T>> list_kind(Kind<T> element) {
  return {.read = [=](const toml::value& value) -> Read<std::vector<T>> {
            std::vector<T> list;
            if (!value.is_array()) {
              auto one = element.read(value);
              if (!one) return std::unexpected(one.error());
              list.push_back(std::move(*one));
              return list;
            }
            for (const toml::value& item : value.as_array()) {
              auto one = element.read(item);
              if (!one) return std::unexpected(WrongValue{.expected = one.error().expected,
                                                          .meant = one.error().meant, .at = &item, .entry = ""});
              if (std::ranges::find(list, *one) != list.end())
                return std::unexpected(WrongValue{.expected = "each at most once", .meant = "", .at = &item,
                                                  .entry = ""});
              list.push_back(std::move(*one));
            }
            return list;
          },
          .write = [=](const std::vector<T>& list) {
            std::string text;
            for (const T& item : list) text += (text.empty() ? "" : ", ") + element.write(item);
            return "[" + text + "]";
          }};
}

}  // namespace bp2p
