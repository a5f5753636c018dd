// What a daemon has on its disk: it survives a crash and a restart, unless somebody takes it away.
#pragma once
#include <cstdint>
#include <map>
#include <set>

#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/trust/pins.h"

namespace bp2p::sim {

struct Disk {
  std::uint64_t key_seed = 0;
  std::uint64_t last_epoch = 0;
  std::map<NodeName, PublicKey> pins;

  bool is_full = false;
  bool is_unreadable = false;

  PinRead read(const NodeName& name) const {
    if (is_unreadable) return std::unexpected{PinError::unreadable};
    const auto found = pins.find(name);
    return found == pins.end() ? PinRead{std::nullopt} : PinRead{found->second};
  }
  PinReads read(const PublicKey& key, const std::vector<NodeName>& names) const {
    PinReads reads;
    for (const NodeName& name : names) reads.claimed.push_back(read(name));
    for (const auto& [name, pinned] : pins)
      if (pinned == key) reads.of_key.push_back(name);
    reads.in_all = pins.size();
    return reads;
  }
  /// daemon/files/boot_epoch.cc
  std::uint64_t next_epoch(WallTime wall) {
    last_epoch = std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(wall.count(), 1)), last_epoch + 1);
    return last_epoch;
  }
};

}  // namespace bp2p::sim
