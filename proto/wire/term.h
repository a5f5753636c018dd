// Erlang terms as values: read from the external term format with bounds, written to it, and printed as
// Erlang's ~p prints them. Atoms stay text: nothing here, and nothing from a wire, mints one.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/wire/limits.h"

namespace bp2p {

struct Term;
using Terms = std::vector<Term>;

struct Atom {
  std::string text;  ///< UTF-8
  friend bool operator==(const Atom&, const Atom&) = default;
};
/// Beyond 64 bits: sign and magnitude, least significant byte first, as on the wire.
struct BigInteger {
  bool negative = false;
  Bytes magnitude;
  friend bool operator==(const BigInteger&, const BigInteger&) = default;
};
struct Binary {
  Bytes bytes;
  friend bool operator==(const Binary&, const Binary&) = default;
};
/// The last byte holds `last_bits` (1 … 7) bits, the highest ones.
struct BitString {
  Bytes bytes;
  std::uint8_t last_bits = 8;
  friend bool operator==(const BitString&, const BitString&) = default;
};
struct Tuple {
  Terms items;
  friend bool operator==(const Tuple&, const Tuple&);
};
/// `tail` is empty for a proper list, else holds one term.
struct List {
  Terms items;
  Terms tail;
  friend bool operator==(const List&, const List&);
};
/// In the order of the wire; keys are not compared with one another.
struct Map {
  Terms keys;
  Terms values;
  friend bool operator==(const Map&, const Map&);
};
struct Pid {
  std::string node;
  std::uint32_t id = 0, serial = 0, creation = 0;
  friend bool operator==(const Pid&, const Pid&) = default;
};
struct Port {
  std::string node;
  std::uint64_t id = 0;
  std::uint32_t creation = 0;
  friend bool operator==(const Port&, const Port&) = default;
};
struct Reference {
  std::string node;
  std::uint32_t creation = 0;
  std::vector<std::uint32_t> ids;
  friend bool operator==(const Reference&, const Reference&) = default;
};

struct Term {
  std::variant<std::int64_t, BigInteger, double, Atom, Binary, BitString, Tuple, List, Map, Pid, Port, Reference> value;
  friend bool operator==(const Term&, const Term&) = default;

  static Term integer(std::int64_t number) { return {number}; }
  static Term atom(std::string_view text) { return {Atom{std::string{text}}}; }
  static Term binary(std::string_view text) {
    const ByteView bytes = as_bytes(text);
    return {Binary{{bytes.begin(), bytes.end()}}};
  }
  static Term tuple(Terms items) { return {Tuple{std::move(items)}}; }
  static Term list(Terms items) { return {List{std::move(items), {}}}; }
  static Term map(std::vector<std::pair<Term, Term>> pairs);
};

enum class TermError : std::uint8_t {
  truncated,
  trailing_bytes,
  bad_version,    ///< does not begin with 131
  unknown_tag,    ///< also what is left out on purpose: compressed terms, funs, the atom cache
  too_large,
  too_many_terms,
  too_deep,
  bad_atom,       ///< longer than 255 characters, or not UTF-8
  bad_value,      ///< a float that is none, a bit count out of range, a map whose last key has no value
};
std::string_view describe(TermError error);
/// It may well be a term; how much of it there is was the reason not to read on.
constexpr bool is_beyond_bounds(TermError error) {
  return error == TermError::too_large || error == TermError::too_many_terms || error == TermError::too_deep;
}

struct TermLimits {
  std::size_t bytes_max = limits::request_bytes_max;
  std::size_t terms_max = limits::request_terms_max;
  std::size_t depth_max = limits::term_depth_max;
};

/// Decodes `131 …`; the whole span is one term. Lengths are compared with what is there before anything is
/// allocated for them. Source: erts "External Term Format".
std::expected<Term, TermError> decode_term(ByteView bytes, const TermLimits& bounds = {});

/// `131 …`. The caller built the term, so it is not bounded here.
Bytes encode_term(const Term& term);

/// As io_lib:format("~0tp", [Term]) has it, on one line. Pids, ports and references name their node, since a
/// daemon has no numbers for nodes: `#Pid<app@h.98.0>`.
std::string print_term(const Term& term);

}  // namespace bp2p
