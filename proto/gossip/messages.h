// What two daemons say to one another about broadcasts, on a reliable, ordered stream of their link. Values only; the
// bytes are proto/wire's. Every list has its bound here, and on_message() holds to it whatever a decoder let through.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"

namespace bp2p::gossip {

using Payload = std::shared_ptr<const Bytes>;

/// One life of one daemon. Its broadcasts are numbered 1, 2, 3 … ; the daemon's next life has a larger epoch.
struct OriginId {
  PublicKey key;
  std::uint64_t epoch = 0;
  friend auto operator<=>(const OriginId&, const OriginId&) = default;
};

/// Both ends included.
struct Range {
  std::uint64_t from = 1;
  std::uint64_t to = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

/// "I have all up to `last`, and can still send first..last." Keeps none of them: first == last + 1.
/// Cumulative: the newest replaces those before it, so any number of broadcasts make one entry in a batch.
struct Holding {
  OriginId origin;
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  friend bool operator==(const Holding&, const Holding&) = default;
};

inline constexpr std::size_t holdings_per_message_max = 256;
inline constexpr std::size_t ranges_per_graft_max = 8;
/// Numbers above are somebody playing: 292,000 years of a million broadcasts a second.
inline constexpr std::uint64_t number_max = std::uint64_t{1} << 63;

/// A payload (Plumtree's GOSSIP). `contiguous` is how far the sender had everything when it sent this: what it can be
/// asked for, and what it need not be sent.
struct Gossip {
  OriginId origin;
  std::uint64_t number = 0;
  std::uint64_t contiguous = 0;
  Payload payload;
};
/// Plumtree's IHAVE: at most holdings_per_message_max.
struct IHave {
  std::vector<Holding> holdings;
};
/// The first thing on a link: all that its sender still keeps, in as many messages as it takes; `complete` in the last.
struct Summary {
  std::vector<Holding> holdings;
  bool complete = true;
};
/// Plumtree's GRAFT: send me these, and push to me from now on. At most ranges_per_graft_max, ascending.
struct Graft {
  OriginId origin;
  std::vector<Range> ranges;
};
/// Ends the answer to a GRAFT; each has exactly one. What was asked for and has not come is no longer kept, or is still
/// within first..last: then the answer was cut at its bound, and may be asked for again.
struct Grafted {
  Holding holding;
};
/// Plumtree's PRUNE: your payloads of this origin reach me by another way already.
struct Prune {
  OriginId origin;
};

using Message = std::variant<Gossip, IHave, Summary, Graft, Grafted, Prune>;

}  // namespace bp2p::gossip
