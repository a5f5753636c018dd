// The two streams of a link that messages travel on (docs/wire.md 2.1, 2.4).
#pragma once
#include <cstdint>

namespace bp2p {

/// What is said on one arrives in order; what is said on the link stream goes first.
enum class LinkStream : std::uint8_t {
  link,     ///< HELLO, records, channels
  overlay,  ///< membership and broadcasts. They share one, because a broadcast may only follow what made the two neighbours
};

}  // namespace bp2p
