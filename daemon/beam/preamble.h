// How every stream but the link stream begins (docs/wire.md 2.2): `Kind:8`; of a channel then `Channel:64`, and on a lane
// `Lane:8`.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "proto/base/bytes.h"

namespace bp2p::preamble {

inline constexpr std::uint8_t kind_control = 1, kind_lane = 2, kind_overlay = 3;
inline constexpr std::size_t control_bytes = 9, lane_bytes = 10, overlay_bytes = 1;

inline std::array<std::byte, control_bytes> of_control(std::uint64_t channel) {
  std::array<std::byte, control_bytes> out{std::byte{kind_control}};
  store_be(out.data() + 1, channel);
  return out;
}

inline std::array<std::byte, lane_bytes> of_lane(std::uint64_t channel, std::uint8_t lane) {
  std::array<std::byte, lane_bytes> out{std::byte{kind_lane}};
  store_be(out.data() + 1, channel);
  out[9] = std::byte{lane};
  return out;
}

inline std::array<std::byte, overlay_bytes> of_overlay() { return {std::byte{kind_overlay}}; }

}  // namespace bp2p::preamble
