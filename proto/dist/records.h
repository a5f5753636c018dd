// The records between the frames of a lane, and at the end of a control stream (docs/wire.md 2.2). A word with the
// highest bit set begins one; frames have it clear.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/base/bytes.h"
#include "proto/dist/route.h"

namespace bp2p::dist {

inline constexpr std::uint32_t record_bit = 0x8000'0000u;

/// `1:1 Lane:7 Frames:56`
inline constexpr std::size_t after_bytes = 8;

inline std::array<std::byte, after_bytes> write_after(const After& after) {
  std::array<std::byte, after_bytes> out;
  store_be(out.data(), std::uint64_t{0x80u | after.lane} << 56 | after.frames);
  return out;
}

/// `from` has after_bytes. None: the lane does not exist.
inline std::optional<After> read_after(const std::byte* from) {
  const auto word = load_be<std::uint64_t>(from);
  const After after{static_cast<std::uint8_t>((word >> 56) & 0x7f), word & 0x00ff'ffff'ffff'ffffULL};
  if (after.lane >= lanes_max) return std::nullopt;
  return after;
}

/// `1:1 63:7 0:24`, begins the close: `Count:8 (Lane:8 Frames:64)*Count`
inline constexpr std::uint32_t close_mark = 0xbf00'0000u;
inline constexpr std::size_t close_head_bytes = 5, close_lane_bytes = 9;

}  // namespace bp2p::dist
