// One origin's tree as seen from here: who gets payloads, who announcements, and what is missing.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "proto/base/now.h"
#include "proto/gossip/messages.h"
#include "proto/gossip/recent.h"

namespace bp2p::gossip {

/// A peer's place in the list of peers. Reused after it went down.
using Slot = std::size_t;

/// What we and one peer know of each other about one origin. Starts anew with every link.
struct Side {
  bool eager = true;        ///< Plumtree's eagerPushPeers; else lazy
  bool silenced = false;    ///< what it announces is not believed any more
  bool refused = false;     ///< it sent what we had no room for, since we asked
  std::uint8_t broken = 0;  ///< promises
  std::uint16_t duplicates = 0;  ///< in a row
  std::uint64_t first = 0;  ///< it announced to keep from here on; 0: nothing yet
  std::uint64_t has = 0;    ///< ... and to have all up to here
  std::uint64_t told = 0;   ///< our contiguous number when we last spoke of it
  std::uint64_t told_bytes = 0;  ///< Recent::bytes_ever() then
  std::uint64_t owed = 0;   ///< it asked from here on, and its stream was full; 0: nothing
  std::uint64_t asked_from = 0;  ///< the lowest number of our GRAFT that it has not answered; 0: none is under way
  TimePoint asked_at{};
};

/// "All up to `upto` exists", first heard of at `at`.
struct Mark {
  std::uint64_t upto;
  TimePoint at;
};

struct Tree {
  OriginId id;
  Recent recent;
  std::vector<Side> sides{};   ///< by Slot; shorter than the list of peers when nothing was said
  std::vector<Mark> marks{};   ///< ascending; all above contiguous(). At most marks_max
  bool proven = false;         ///< a payload was verified; only then anything is believed for good
  bool tentative = true;       ///< nothing delivered yet: an earlier number may still become the beginning
  bool dirty = false;          ///< has something to announce
  std::uint8_t rounds = 0;     ///< GRAFTs without progress
  std::optional<Slot> introduced_by{};  ///< of an unproven one
  Slot last_asked = 0;
  std::uint64_t waits_for = 0; ///< contiguous() when `wake` was set
  TimePoint wake = never;      ///< when to ask; `never` when nothing is missing
  std::optional<TimePoint> stuck{};  ///< since when nobody can fill the hole
  std::size_t counted = 0;     ///< recent.bytes() as it is in the sum of all

  static constexpr std::size_t marks_max = 64;

  Side& side(Slot slot) {
    if (slot >= sides.size()) sides.resize(slot + 1);
    return sides[slot];
  }
  Holding holding() const { return {id, recent.first(), recent.contiguous()}; }
};

}  // namespace bp2p::gossip
