#include "daemon/config_value.h"

#include <grp.h>
#include <pwd.h>

#include <array>
#include <charconv>

namespace bp2p {
namespace {

std::unexpected<WrongValue> wrong(std::string expected, const toml::value* at = nullptr) {
  return std::unexpected(WrongValue{.expected = std::move(expected), .meant = "", .at = at, .entry = ""});
}

struct Unit {
  std::string_view word;
  std::uint64_t factor;
};
// From small to large; the writer takes the largest that divides.
constexpr std::array duration_units{Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000}, Unit{"m", 60'000'000'000},
                                    Unit{"h", 3'600'000'000'000}};
constexpr std::array size_units{Unit{"B", 1}, Unit{"KiB", 1ULL << 10}, Unit{"MiB", 1ULL << 20},
                                Unit{"GiB", 1ULL << 30}};

/// `12 units` or `12units` in the smallest unit of all; none when it is not that or too large.
std::optional<std::uint64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  for (const Unit& unit : units) {
    std::uint64_t product = 0;
    if (text == unit.word)
      return __builtin_mul_overflow(number, unit.factor, &product) ? std::nullopt : std::optional{product};
  }
  return std::nullopt;
}

/// A quoted number with its unit, or an integer in `bare` units.
std::optional<std::uint64_t> quantity(const toml::value& value, std::span<const Unit> units, std::uint64_t bare) {
  if (value.is_string()) return with_unit(value.as_string(), units);
  std::uint64_t product = 0;
  if (value.is_integer() && value.as_integer() >= 0 &&
      !__builtin_mul_overflow(static_cast<std::uint64_t>(value.as_integer()), bare, &product))
    return product;
  return std::nullopt;
}

std::string in_largest_unit(std::uint64_t amount, std::span<const Unit> units) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < units.size(); ++i)
    if (amount != 0 && amount % units[i].factor == 0) best = i;
  return std::to_string(amount / units[best].factor) + std::string{units[best].word};
}

Kind<Address> address_kind() {
  return {.read = [](const toml::value& value) -> Read<Address> {
            if (value.is_string())
              if (const auto address = Address::parse(value.as_string())) return *address;
            return wrong("an IP address and a port, like \"10.0.0.6:9100\" or \"[2001:db8::7]:9100\"");
          },
          .write = [](const Address& address) { return toml_text(address.text()); }};
}

/// A uid, or the name of a user of this host.
Kind<std::uint32_t> owner_kind() {
  return {.read = [](const toml::value& value) -> Read<std::uint32_t> {
            if (value.is_integer() && value.as_integer() >= 0 && value.as_integer() < 0xffff'ffff)
              return static_cast<std::uint32_t>(value.as_integer());
            if (value.is_string()) {
              passwd entry{};
              passwd* found = nullptr;
              std::vector<char> buffer(16 * 1024);
              const std::string name = value.as_string();
              if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found)
                return found->pw_uid;
            }
            return wrong("a uid, or a user of this host");
          },
          .write = [](const std::uint32_t& uid) { return std::to_string(uid); }};
}

template <class T>
Kind<std::map<NodeName, std::vector<T>>> name_table_kind(Kind<std::vector<T>> list, std::string expected) {
  using Table = std::map<NodeName, std::vector<T>>;
  return {.read = [=](const toml::value& value) -> Read<Table> {
            if (!value.is_table()) return wrong(expected);
            Table table;
            for (const auto& [text, item] : value.as_table()) {
              const auto name = NodeName::parse(text);
              if (!name)
                return std::unexpected(WrongValue{.expected = "a node name, like \"app@db2\"", .meant = "",
                                                  .at = &item, .entry = text});
              auto entry = list.read(item);
              if (!entry || entry->empty()) {
                WrongValue why{.expected = "at least one", .meant = "", .entry = ""};
                if (!entry) why = entry.error();
                if (!why.at) why.at = &item;
                return std::unexpected(std::move(why));
              }
              table.insert_or_assign(*name, std::move(*entry));
            }
            return table;
          },
          .write = [=](const Table& table) {  // one line an entry: the body of a [table]
            std::string text;
            for (const auto& [name, entry] : table)
              text += toml_text(name.text()) + " = " + list.write(entry) + "\n";
            return text;
          }};
}

std::size_t edits(std::string_view a, std::string_view b) {  // Levenshtein, one row
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view text, const std::vector<std::string>& candidates) {
  if (text.empty() || text.size() > 64) return "";
  std::string best;
  std::size_t least = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edits(text, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  if (!best.empty() || text.size() < 3) return best;
  // `trust` for `trust_mode`: far away, but the only one that begins so.
  for (const std::string& candidate : candidates) {
    if (!candidate.starts_with(text)) continue;
    if (!best.empty()) return "";
    best = candidate;
  }
  return best;
}

std::string toml_text(std::string_view text) {
  std::string out{'"'};
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr char digits[] = "0123456789abcdef";
      out += {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string either(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + toml_text(words[i]);
  return text;
}

Kind<std::string> text_kind(std::size_t bytes_min, std::size_t bytes_max) {
  return {.read = [=](const toml::value& value) -> Read<std::string> {
            if (value.is_string() && value.as_string().size() >= bytes_min && value.as_string().size() <= bytes_max &&
                std::ranges::none_of(value.as_string(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
              return value.as_string();
            return wrong("text in quotes, " + std::to_string(bytes_min) + " to " + std::to_string(bytes_max) +
                         " bytes, without control characters");
          },
          .write = [](const std::string& text) { return toml_text(text); }};
}

Kind<std::string> group_kind() {
  return {.read = [](const toml::value& value) -> Read<std::string> {
            if (value.is_string()) {
              group entry{};
              group* found = nullptr;
              std::vector<char> buffer(64 * 1024);
              const std::string name = value.as_string();
              if (name.empty()) return name;
              if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found) return name;
            }
            return wrong("a group of this host, or \"\" for none");
          },
          .write = [](const std::string& name) { return toml_text(name); }};
}

Kind<std::filesystem::path> path_kind(bool may_be_empty) {
  return {.read = [=](const toml::value& value) -> Read<std::filesystem::path> {
            if (value.is_string()) {
              const std::string& text = value.as_string();
              const bool fits = text.size() <= 4000 && text.find('\0') == std::string::npos;
              if (fits && (may_be_empty || !text.empty())) return text;
            }
            return wrong(may_be_empty ? "a path in quotes, or \"\"" : "a path in quotes");
          },
          .write = [](const std::filesystem::path& path) { return toml_text(path.string()); }};
}

Kind<std::filesystem::path> socket_path_kind() {
  return {.read = [](const toml::value& value) -> Read<std::filesystem::path> {
            // sun_path holds 107 bytes; a socket is made under a name 7 bytes longer and renamed.
            if (value.is_string() && !value.as_string().empty() && value.as_string().size() <= 100 &&
                value.as_string().find('\0') == std::string::npos)
              return value.as_string();
            return wrong("a path in quotes of at most 100 bytes (the name of a Unix socket)");
          },
          .write = [](const std::filesystem::path& path) { return toml_text(path.string()); }};
}

Kind<std::vector<std::string>> command_kind() {
  constexpr std::size_t words_max = 32;
  const auto word = text_kind(0, 4000);
  const auto expected = [](const toml::value* at = nullptr) {
    return wrong("a program and its arguments, like [\"/usr/local/bin/find-node\", \"--zone\", \"a\"], or []", at);
  };
  return {.read = [=](const toml::value& value) -> Read<std::vector<std::string>> {
            std::vector<std::string> words;
            if (value.is_array()) {
              for (const toml::value& item : value.as_array()) {
                auto one = word.read(item);
                if (!one) return expected(&item);
                words.push_back(std::move(*one));
              }
              if (words.size() > words_max) return wrong("at most " + std::to_string(words_max) + " words");
              // Not looked for along PATH: under systemd that is another one than in a shell.
              if (!words.empty() && !words.front().starts_with('/'))
                return wrong("the program by its absolute path", &value.as_array().front());
            } else if (value.is_string() && value.as_string().starts_with('/')) {
              words.push_back(value.as_string());
            } else {
              return expected();
            }
            return words;
          },
          .write = [=](const std::vector<std::string>& words) {
            std::string text;
            for (const std::string& each : words) text += (text.empty() ? "" : ", ") + toml_text(each);
            return "[" + text + "]";
          }};
}

Kind<Duration> duration_kind(Duration least, Duration most) {
  const auto shown = [](Duration span) {
    return toml_text(in_largest_unit(static_cast<std::uint64_t>(span.count()), duration_units));
  };
  return {.read = [=](const toml::value& value) -> Read<Duration> {
            const auto amount = quantity(value, duration_units, 1'000'000);
            if (amount && std::cmp_greater_equal(*amount, least.count()) &&
                std::cmp_less_equal(*amount, most.count()))
              return Duration{static_cast<Duration::rep>(*amount)};
            return wrong("a time from " + shown(least) + " to " + shown(most) + " (or an integer in milliseconds)");
          },
          .write = [=](const Duration& span) { return shown(span); }};
}

Kind<std::uint64_t> size_kind(std::uint64_t least, std::uint64_t most) {
  const auto shown = [](std::uint64_t size) {
    // A plain number reads better than "2147483647B".
    return size != 0 && size % 1024 == 0 ? toml_text(in_largest_unit(size, size_units)) : std::to_string(size);
  };
  return {.read = [=](const toml::value& value) -> Read<std::uint64_t> {
            const auto amount = quantity(value, size_units, 1);
            if (amount && *amount >= least && *amount <= most) return *amount;
            return wrong("a size from " + shown(least) + " to " + shown(most) + " (or an integer in bytes)");
          },
          .write = [=](const std::uint64_t& size) { return shown(size); }};
}

Kind<std::vector<Address>> addresses_kind(std::size_t count_min) {
  auto list = list_kind(address_kind());
  return {.read = [=](const toml::value& value) -> Read<std::vector<Address>> {
            auto addresses = list.read(value);
            if (addresses && addresses->size() < count_min) return wrong("at least one address");
            return addresses;
          },
          .write = list.write};
}

Kind<JoinTarget> join_target_kind() {
  return {.read = [](const toml::value& value) -> Read<JoinTarget> {
            const std::string text = value.is_string() ? value.as_string() : "";
            if (auto name = NodeName::parse(text)) return std::move(*name);
            if (const auto address = Address::parse(text)) return *address;
            return wrong("a node name, app@host, or an address with a port, 10.0.0.6:9100");
          },
          .write = [](const JoinTarget& target) {
            const auto* name = std::get_if<NodeName>(&target);
            return toml_text(name ? name->text() : std::get<Address>(target).text());
          }};
}

Kind<std::map<NodeName, std::vector<Address>>> address_table_kind() {
  return name_table_kind(addresses_kind(1), "a table of node names and addresses");
}

Kind<std::map<NodeName, std::vector<std::uint32_t>>> owner_table_kind() {
  return name_table_kind(list_kind(owner_kind()), "a table of node names and users");
}

Kind<std::optional<std::uint16_t>> payload_kind(std::uint16_t least, std::uint16_t most) {
  const auto number = number_kind<std::uint16_t>(least, most);
  return {.read = [=](const toml::value& value) -> Read<std::optional<std::uint16_t>> {
            if (value.is_string() && value.as_string() == "auto") return std::nullopt;
            const auto read = number.read(value);
            if (read) return *read;
            return wrong("\"auto\" or " + read.error().expected);
          },
          .write = [=](const std::optional<std::uint16_t>& bytes) {
            return bytes ? number.write(*bytes) : "\"auto\"";
          }};
}

}  // namespace bp2p
