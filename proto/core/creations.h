// The creation numbers of nodes: a start of a name is told from the one before by it, in every pid there is.
#pragma once
#include <algorithm>
#include <cstdint>
#include <set>

#include "proto/base/now.h"

namespace bp2p {

/// Sequential, and across restarts of the daemon too: the wall clock's seconds outrun one attach a second. 0 … 3
/// are left to old nodes (dist-protocol.md).
class Creations {
 public:
  static constexpr std::uint32_t min = 4;

  std::uint32_t next(WallTime now) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    do {
      last_ = last_ == UINT32_MAX ? min : std::max(last_ + 1, min);
      if (seconds > last_ && seconds <= UINT32_MAX) last_ = static_cast<std::uint32_t>(seconds);
    } while (shown_.contains(last_));
    return last_;
  }

  /// A node came back with `creation`, which a daemon before us gave it: it is kept and not given out again.
  /// False when it cannot be one, or when more have been shown than any daemon serves.
  bool keep(std::uint32_t creation) {
    if (creation < min) return false;
    if (shown_.size() >= shown_max && !shown_.contains(creation)) return false;
    shown_.insert(creation);
    return true;
  }

 private:
  // Not `last_ = max(last_, creation)`: one node that shows 2^32-1 would then use up all numbers at once.
  static constexpr std::size_t shown_max = 4096;
  std::uint32_t last_ = 0;
  std::set<std::uint32_t> shown_;
};

}  // namespace bp2p
