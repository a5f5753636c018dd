#include "proto/base/node_name.h"

#include <cstdint>

namespace bp2p {
namespace {

constexpr std::size_t name_bytes_max = 255;  // an Erlang atom has 255 characters; a file name 255 bytes

/// The length of the UTF-8 sequence at the front of `text`, 0 when there is none (RFC 3629: no overlong forms,
/// no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0}; };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
  const std::uint8_t first = at(0), second = at(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xe0 && second < 0xa0) return 0;
    if (first == 0xed && second >= 0xa0) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xf0 && second < 0x90) return 0;
    if (first == 0xf4 && second >= 0x90) return 0;
    return 4;
  }
  return 0;
}

/// ASCII control characters and the C1 ones (U+0080 … U+009F), which a terminal obeys as well.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<std::uint8_t>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  return sequence.size() == 2 && first == 0xc2 && static_cast<std::uint8_t>(sequence[1]) < 0xa0;
}

}  // namespace

std::optional<NodeName> NodeName::parse(std::string_view text) {
  if (text.empty() || text.size() > name_bytes_max || text.front() == '.') return std::nullopt;
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return std::nullopt;
  if (text.find('@', at + 1) != std::string_view::npos) return std::nullopt;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return std::nullopt;
    const std::string_view sequence = text.substr(i, length);
    if (is_control(sequence) || sequence == " " || sequence == "/") return std::nullopt;
    i += length;
  }
  return NodeName{text, at};
}

}  // namespace bp2p
