// print_term: terms as Erlang's ~0tp shows them.
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "proto/wire/term.h"

namespace bp2p {
namespace {

/// Words that an atom of that text must be quoted to differ from (Erlang reference manual, "Reserved Words").
constexpr std::string_view reserved[] = {"after", "and",    "andalso", "band",    "begin", "bnot", "bor",  "bsl", "bsr", "bxor",
                                         "case",  "catch",  "cond",    "div",     "else",  "end",  "fun",  "if",  "let", "maybe",
                                         "not",   "of",     "or",      "orelse",  "receive", "rem", "try", "when", "xor"};

bool is_plain_atom(std::string_view text) {
  if (text.empty() || text.front() < 'a' || text.front() > 'z') return false;
  for (const char c : text) {
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '@';
    if (!is_word) return false;
  }
  for (const std::string_view word : reserved)
    if (text == word) return false;
  return true;
}

/// One character inside quotes, escaped as Erlang reads it back.
void append_quoted(std::string& out, char c, char quote) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    case '\v': out += "\\v"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\x1b': out += "\\e"; return;
    case '\x7f': out += "\\d"; return;
    case '\\': out += "\\\\"; return;
    default: break;
  }
  if (c == quote) {
    out += '\\';
    out += c;
  } else if (static_cast<unsigned char>(c) < 0x20) {
    constexpr std::string_view octal = "01234567";
    const auto value = static_cast<std::size_t>(c);
    out += '\\';
    if (value >= 8) out += octal[value / 8];
    out += octal[value % 8];
  } else {
    out += c;
  }
}

/// io_lib:printable_list/1 for bytes below 0x80; beyond it differs by locale, so numbers are shown.
bool is_printable(std::uint8_t c) { return (c >= 0x20 && c < 0x7f) || (c >= 8 && c <= 13) || c == 27; }

std::string decimal(Bytes magnitude) {  // least significant byte first
  std::string digits;
  while (!magnitude.empty()) {
    unsigned remainder = 0;
    for (std::size_t i = magnitude.size(); i-- > 0;) {
      const unsigned value = remainder * 256 + static_cast<unsigned>(magnitude[i]);
      magnitude[i] = static_cast<std::byte>(value / 10);
      remainder = value % 10;
    }
    digits.insert(digits.begin(), static_cast<char>('0' + remainder));
    while (!magnitude.empty() && magnitude.back() == std::byte{0}) magnitude.pop_back();
  }
  return digits.empty() ? "0" : digits;
}

/// The shortest digits that read back as the same number, placed as io_lib_format:fwrite_g/1 places them: plain
/// unless the exponent is shorter.
std::string shortest(double value) {
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  std::array<char, 40> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::fabs(value), std::chars_format::scientific);
  const std::string_view text{buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data())};
  const std::size_t e = text.find('e');
  std::string digits;
  for (const char c : text.substr(0, e))
    if (c != '.') digits += c;
  int exponent = 0;
  const std::size_t exponent_at = e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + exponent_at, text.data() + text.size(), exponent);

  const int place = exponent + 1;  // where the point goes, counted from the first digit
  const int length = static_cast<int>(digits.size());
  const std::string exponent_text = std::to_string(exponent);
  const int exponent_cost = static_cast<int>(exponent_text.size()) + 1 + (length == 1 ? 2 : 1);
  const auto with_exponent = [&] {
    return digits.substr(0, 1) + "." + (length == 1 ? "0" : digits.substr(1)) + "e" + exponent_text;
  };
  const std::string sign = value < 0 ? "-" : "";
  if (place > 0 && place < length)
    return sign + digits.substr(0, static_cast<std::size_t>(place)) + "." + digits.substr(static_cast<std::size_t>(place));
  if (place == 0) return sign + "0." + digits;
  if (place < 0) {
    if (2 - place > exponent_cost) return sign + with_exponent();
    return sign + "0." + std::string(static_cast<std::size_t>(-place), '0') + digits;
  }
  constexpr double exact_max = 9007199254740992.0;  // 2^53: above it, zeros would claim digits that are not known
  if (place - length + 2 > exponent_cost || std::fabs(value) >= exact_max) return sign + with_exponent();
  return sign + digits + std::string(static_cast<std::size_t>(place - length), '0') + ".0";
}

struct Printer {
  std::string& out;

  void operator()(std::int64_t value) { out += std::to_string(value); }
  void operator()(const BigInteger& value) {
    if (value.negative) out += '-';
    out += decimal(value.magnitude);
  }
  void operator()(double value) { out += shortest(value); }
  void operator()(const Atom& atom) { print_atom(atom.text); }

  void operator()(const Binary& binary) {
    bool is_text = !binary.bytes.empty();
    for (const std::byte each : binary.bytes) is_text = is_text && is_printable(static_cast<std::uint8_t>(each));
    out += "<<";
    if (is_text) {
      print_quoted(as_text(binary.bytes), '"');
    } else {
      print_bytes(binary.bytes);
    }
    out += ">>";
  }
  void operator()(const BitString& bits) {
    out += "<<";
    print_bytes(ByteView{bits.bytes}.first(bits.bytes.size() - 1));
    if (bits.bytes.size() > 1) out += ',';
    const auto last = static_cast<unsigned>(bits.bytes.back()) >> (8 - bits.last_bits);
    out += std::to_string(last) + ":" + std::to_string(bits.last_bits) + ">>";
  }

  void operator()(const Tuple& tuple) {
    out += '{';
    print_all(tuple.items);
    out += '}';
  }
  void operator()(const List& list) {
    if (list.tail.empty() && print_as_text(list.items)) return;
    out += '[';
    print_all(list.items);
    if (!list.tail.empty()) {
      out += '|';
      std::visit(*this, list.tail.front().value);
    }
    out += ']';
  }
  void operator()(const Map& map) {
    out += "#{";
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
      if (i > 0) out += ',';
      std::visit(*this, map.keys[i].value);
      out += " => ";
      std::visit(*this, map.values[i].value);
    }
    out += '}';
  }
  void operator()(const Pid& pid) {
    out += "#Pid<" + pid.node + "." + std::to_string(pid.id) + "." + std::to_string(pid.serial) + ">";
  }
  void operator()(const Port& port) { out += "#Port<" + port.node + "." + std::to_string(port.id) + ">"; }
  void operator()(const Reference& reference) {
    out += "#Ref<" + reference.node;
    for (std::size_t i = reference.ids.size(); i-- > 0;) out += "." + std::to_string(reference.ids[i]);
    out += ">";
  }

  void print_all(const Terms& terms) {
    for (std::size_t i = 0; i < terms.size(); ++i) {
      if (i > 0) out += ',';
      std::visit(*this, terms[i].value);
    }
  }
  void print_bytes(ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i > 0) out += ',';
      out += std::to_string(static_cast<unsigned>(bytes[i]));
    }
  }
  bool print_as_text(const Terms& items) {
    if (items.empty()) return false;
    std::string text;
    for (const Term& item : items) {
      const auto* code = std::get_if<std::int64_t>(&item.value);
      if (code == nullptr || *code < 0 || *code > 127 || !is_printable(static_cast<std::uint8_t>(*code))) return false;
      text += static_cast<char>(*code);
    }
    print_quoted(text, '"');
    return true;
  }
  void print_atom(std::string_view text) {
    if (is_plain_atom(text)) {
      out += text;
    } else {
      print_quoted(text, '\'');
    }
  }
  void print_quoted(std::string_view text, char quote) {
    out += quote;
    for (const char c : text) append_quoted(out, c, quote);
    out += quote;
  }
};

}  // namespace

std::string print_term(const Term& term) {
  std::string out;
  std::visit(Printer{out}, term.value);
  return out;
}

}  // namespace bp2p
