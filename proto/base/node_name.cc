#include "proto/base/node_name.h"

#include <cstdint>

#include "proto/base/utf8.h"

namespace bp2p {
namespace {

constexpr std::size_t name_bytes_max = 255;  // an Erlang atom has 255 characters; a file name 255 bytes

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
