#include "proto/wire/term.h"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "proto/base/utf8.h"

namespace bp2p {

bool operator==(const Tuple& a, const Tuple& b) { return a.items == b.items; }
bool operator==(const List& a, const List& b) { return a.items == b.items && a.tail == b.tail; }
bool operator==(const Map& a, const Map& b) { return a.keys == b.keys && a.values == b.values; }

Term Term::map(std::vector<std::pair<Term, Term>> pairs) {
  Map map;
  for (auto& [key, value] : pairs) {
    map.keys.push_back(std::move(key));
    map.values.push_back(std::move(value));
  }
  return {std::move(map)};
}

std::string_view describe(TermError error) {
  switch (error) {
    case TermError::truncated: return "the term is shorter than it says";
    case TermError::trailing_bytes: return "there are bytes after the term";
    case TermError::bad_version: return "the term does not begin with 131";
    case TermError::unknown_tag: return "the term has a tag that is not accepted here";
    case TermError::too_large: return "the term is too large";
    case TermError::too_many_terms: return "the term has too many parts";
    case TermError::too_deep: return "the term is nested too deeply";
    case TermError::bad_atom: return "an atom in it is none";
    case TermError::bad_value: return "a value in it is none";
  }
  return "the term does not decode";
}

namespace {

enum Tag : std::uint8_t {
  version_magic = 131,
  new_float = 70, bit_binary = 77, new_pid = 88, new_port = 89, newer_reference = 90,
  small_integer = 97, integer = 98, latin1_atom = 100, old_pid = 103, small_tuple = 104, large_tuple = 105, nil = 106,
  string = 107, list = 108, binary = 109, small_big = 110, large_big = 111, new_reference = 114, small_latin1_atom = 115,
  map = 116, utf8_atom = 118, small_utf8_atom = 119, v4_port = 120,
};

class Decoder {
 public:
  Decoder(ByteView bytes, const TermLimits& bounds) : in_(bytes), bounds_(bounds) {}

  std::expected<Term, TermError> whole() {
    if (in_.u8() != version_magic) return std::unexpected{in_.failed() ? TermError::truncated : TermError::bad_version};
    Term root = term(0);
    if (error_) return std::unexpected{*error_};
    if (!in_.rest().empty()) return std::unexpected{TermError::trailing_bytes};
    return root;
  }

 private:
  // A failed decoder goes on returning zeros; `error_` keeps the first reason and every loop asks for it.
  Term fail(TermError error) {
    if (!error_) error_ = error;
    return Term::integer(0);
  }

  Term term(std::size_t depth) {
    if (error_) return Term::integer(0);
    if (depth > bounds_.depth_max) return fail(TermError::too_deep);
    if (++terms_ > bounds_.terms_max) return fail(TermError::too_many_terms);
    const std::uint8_t tag = in_.u8();
    Term result = by_tag(tag, depth);
    if (in_.failed()) return fail(TermError::truncated);
    return result;
  }

  Term by_tag(std::uint8_t tag, std::size_t depth) {
    switch (tag) {
      case small_integer: return Term::integer(in_.u8());
      case integer: return Term::integer(static_cast<std::int32_t>(in_.u32()));
      case new_float: return real();
      case small_utf8_atom:
      case utf8_atom:
      case small_latin1_atom:
      case latin1_atom: return {Atom{atom_text(tag)}};
      case small_tuple: return {Tuple{items(in_.u8(), depth)}};
      case large_tuple: return {Tuple{items(in_.u32(), depth)}};
      case nil: return Term::list({});
      case string: return characters();
      case list: return proper_or_not(depth);
      case binary: return {Binary{bytes(in_.u32())}};
      case bit_binary: return bits();
      case small_big: return big(in_.u8());
      case large_big: return big(in_.u32());
      case map: return pairs(depth);
      case new_pid:
      case old_pid: return pid(tag);
      case new_port:
      case v4_port: return port(tag);
      case newer_reference:
      case new_reference: return reference(tag);
      default: return fail(in_.failed() ? TermError::truncated : TermError::unknown_tag);
    }
  }

  Bytes bytes(std::size_t size) {
    const ByteView taken = in_.take(size);
    return {taken.begin(), taken.end()};
  }

  Terms items(std::size_t count, std::size_t depth) {
    Terms out;
    // A term has at least one byte: a count beyond what is left is a lie.
    if (in_.failed() || count > in_.rest().size()) {
      fail(TermError::truncated);
      return out;
    }
    if (count > bounds_.terms_max - terms_) {
      fail(TermError::too_many_terms);
      return out;
    }
    out.reserve(count);
    for (std::size_t i = 0; i < count && !error_; ++i) out.push_back(term(depth + 1));
    return out;
  }

  Term proper_or_not(std::size_t depth) {
    List out{items(in_.u32(), depth), {}};
    Term tail = term(depth + 1);
    if (error_) return Term::integer(0);
    const auto* as_list = std::get_if<List>(&tail.value);
    if (as_list == nullptr) {
      if (out.items.empty()) return fail(TermError::bad_value);
      out.tail.push_back(std::move(tail));
    } else {
      // `[a | [b]]` is `[a, b]`: the emulator itself may send it so.
      out.items.insert(out.items.end(), as_list->items.begin(), as_list->items.end());
      out.tail = as_list->tail;
    }
    return {std::move(out)};
  }

  Term characters() {  // STRING_EXT: a list of bytes
    const ByteView taken = in_.take(in_.u16());
    if (taken.size() > bounds_.terms_max - terms_) return fail(TermError::too_many_terms);
    terms_ += taken.size();
    Terms out;
    out.reserve(taken.size());
    for (const std::byte each : taken) out.push_back(Term::integer(static_cast<std::uint8_t>(each)));
    return Term::list(std::move(out));
  }

  Term pairs(std::size_t depth) {
    const std::size_t count = in_.u32();
    if (count > in_.rest().size() / 2) return fail(TermError::truncated);
    Map out;
    for (std::size_t i = 0; i < count && !error_; ++i) {
      out.keys.push_back(term(depth + 1));
      out.values.push_back(term(depth + 1));
    }
    return {std::move(out)};
  }

  Term real() {
    const double value = std::bit_cast<double>(in_.u64());
    if (!std::isfinite(value)) return fail(TermError::bad_value);  // Erlang has no NaN and no infinities
    return {value};
  }

  Term bits() {
    const std::uint32_t size = in_.u32();
    const std::uint8_t last_bits = in_.u8();
    if (last_bits < 1 || last_bits > 8 || (size == 0)) return fail(TermError::bad_value);
    Bytes content = bytes(size);
    if (last_bits == 8) return {Binary{std::move(content)}};
    return {BitString{std::move(content), last_bits}};
  }

  Term big(std::size_t size) {
    const std::uint8_t sign = in_.u8();
    if (sign > 1) return fail(TermError::bad_value);
    if (size > limits::term_bignum_bytes_max) return fail(TermError::too_large);
    Bytes magnitude = bytes(size);
    while (!magnitude.empty() && magnitude.back() == std::byte{0}) magnitude.pop_back();
    if (magnitude.size() > 8) return {BigInteger{sign == 1, std::move(magnitude)}};
    std::uint64_t value = 0;
    for (std::size_t i = magnitude.size(); i-- > 0;) value = (value << 8) | static_cast<std::uint64_t>(magnitude[i]);
    constexpr auto positive_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (sign == 0 && value <= positive_max) return Term::integer(static_cast<std::int64_t>(value));
    if (sign == 1 && value <= positive_max + 1) return Term::integer(static_cast<std::int64_t>(~value + 1));
    return {BigInteger{sign == 1, std::move(magnitude)}};
  }

  std::string atom_text(std::uint8_t tag) {
    const bool is_small = tag == small_utf8_atom || tag == small_latin1_atom;
    const ByteView raw = in_.take(is_small ? in_.u8() : in_.u16());
    std::string text;
    if (tag == latin1_atom || tag == small_latin1_atom) {
      for (const std::byte each : raw) append_utf8(text, static_cast<std::uint8_t>(each));
    } else {
      text = as_text(raw);
    }
    if (const auto length = utf8_count(text); !length || *length > 255) fail(TermError::bad_atom);
    return text;
  }

  std::string node_name() {
    const std::uint8_t tag = in_.u8();
    if (tag != small_utf8_atom && tag != utf8_atom && tag != small_latin1_atom && tag != latin1_atom) {
      fail(TermError::unknown_tag);
      return {};
    }
    return atom_text(tag);
  }

  Term pid(std::uint8_t tag) {
    Pid out;
    out.node = node_name();
    out.id = in_.u32();
    out.serial = in_.u32();
    out.creation = tag == new_pid ? in_.u32() : in_.u8();
    return {std::move(out)};
  }

  Term port(std::uint8_t tag) {
    Port out;
    out.node = node_name();
    out.id = tag == v4_port ? in_.u64() : in_.u32();
    out.creation = in_.u32();
    return {std::move(out)};
  }

  Term reference(std::uint8_t tag) {
    const std::size_t count = in_.u16();
    if (count == 0 || count > 5) return fail(TermError::bad_value);  // five words since OTP 24
    Reference out;
    out.node = node_name();
    out.creation = tag == newer_reference ? in_.u32() : in_.u8();
    for (std::size_t i = 0; i < count; ++i) out.ids.push_back(in_.u32());
    return {std::move(out)};
  }

  static void append_utf8(std::string& text, std::uint8_t latin1) {
    if (latin1 < 0x80) {
      text += static_cast<char>(latin1);
    } else {
      text += static_cast<char>(0xc0 | (latin1 >> 6));
      text += static_cast<char>(0x80 | (latin1 & 0x3f));
    }
  }

  Reader in_;
  const TermLimits& bounds_;
  std::size_t terms_ = 0;
  std::optional<TermError> error_;
};

struct Encoder {
  Writer& out;

  void operator()(std::int64_t value) {
    if (value >= 0 && value <= 255) {
      out.u8(small_integer).u8(static_cast<std::uint8_t>(value));
    } else if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
      out.u8(integer).u32(static_cast<std::uint32_t>(value));
    } else {
      const bool negative = value < 0;
      std::uint64_t magnitude = negative ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
      std::uint8_t size = 0;
      for (std::uint64_t rest = magnitude; rest != 0; rest >>= 8) ++size;
      out.u8(small_big).u8(size).u8(negative ? 1 : 0);
      for (; size > 0; --size, magnitude >>= 8) out.u8(static_cast<std::uint8_t>(magnitude & 0xff));
    }
  }
  void operator()(const BigInteger& value) {
    if (value.magnitude.size() <= 255) {
      out.u8(small_big).u8(static_cast<std::uint8_t>(value.magnitude.size()));
    } else {
      out.u8(large_big).u32(static_cast<std::uint32_t>(value.magnitude.size()));
    }
    out.u8(value.negative ? 1 : 0).raw(value.magnitude);
  }
  void operator()(double value) { out.u8(new_float).u64(std::bit_cast<std::uint64_t>(value)); }
  void operator()(const Atom& atom) { write_atom(atom.text); }
  void operator()(const Binary& value) {
    out.u8(binary).u32(static_cast<std::uint32_t>(value.bytes.size())).raw(value.bytes);
  }
  void operator()(const BitString& value) {
    out.u8(bit_binary).u32(static_cast<std::uint32_t>(value.bytes.size())).u8(value.last_bits).raw(value.bytes);
  }
  void operator()(const Tuple& tuple) {
    if (tuple.items.size() <= 255) {
      out.u8(small_tuple).u8(static_cast<std::uint8_t>(tuple.items.size()));
    } else {
      out.u8(large_tuple).u32(static_cast<std::uint32_t>(tuple.items.size()));
    }
    write_all(tuple.items);
  }
  void operator()(const List& value) {
    if (!value.items.empty()) {
      out.u8(list).u32(static_cast<std::uint32_t>(value.items.size()));
      write_all(value.items);
    }
    if (value.tail.empty()) {
      out.u8(nil);
    } else {
      write_all(value.tail);
    }
  }
  void operator()(const Map& value) {
    out.u8(map).u32(static_cast<std::uint32_t>(value.keys.size()));
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      std::visit(*this, value.keys[i].value);
      std::visit(*this, value.values[i].value);
    }
  }
  void operator()(const Pid& pid) {
    out.u8(new_pid);
    write_atom(pid.node);
    out.u32(pid.id).u32(pid.serial).u32(pid.creation);
  }
  void operator()(const Port& port) {
    out.u8(v4_port);
    write_atom(port.node);
    out.u64(port.id).u32(port.creation);
  }
  void operator()(const Reference& reference) {
    out.u8(newer_reference).u16(static_cast<std::uint16_t>(reference.ids.size()));
    write_atom(reference.node);
    out.u32(reference.creation);
    for (const std::uint32_t id : reference.ids) out.u32(id);
  }

  void write_all(const Terms& terms) {
    for (const Term& each : terms) std::visit(*this, each.value);
  }
  void write_atom(std::string_view text) {
    if (text.size() <= 255) {
      out.u8(small_utf8_atom).u8(static_cast<std::uint8_t>(text.size())).raw(as_bytes(text));
    } else {
      out.u8(utf8_atom).text16(text);
    }
  }
};

}  // namespace

std::expected<Term, TermError> decode_term(ByteView bytes, const TermLimits& bounds) {
  if (bytes.size() > bounds.bytes_max) return std::unexpected{TermError::too_large};
  return Decoder{bytes, bounds}.whole();
}

Bytes encode_term(const Term& term) {
  Writer out;
  out.u8(version_magic);
  std::visit(Encoder{out}, term.value);
  return out.take();
}

}  // namespace bp2p
