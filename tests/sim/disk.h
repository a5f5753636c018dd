// What a daemon has on its disk: it survives a crash and a restart, unless somebody takes it away.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/core/core.h"
#include "proto/trust/pins.h"

namespace bp2p::sim {

struct Disk {
  std::uint64_t key_seed = 0;
  std::uint64_t last_epoch = 0;
  std::map<NodeName, PublicKey> pins;

  /// daemon/files/address_book_file.cc
  struct Saved {
    Bytes record;
    WallTime seen;
    bool met;
    std::optional<WallTime> lost;
  };
  std::vector<Saved> book;
  void save_book(const Core& core, Now now) {
    if (is_full) return;
    book.clear();
    for (const auto& each : core.address_book(now)) book.push_back({*each.contact->record, each.seen, each.met, each.lost});
  }
  std::vector<membership::SavedContact> read_book(const Signing& signing) const {
    std::vector<membership::SavedContact> read;
    for (const Saved& each : book)
      if (auto contact = Core::read_saved(each.record, "sim", signing)) read.push_back({std::move(contact), each.seen, each.met, each.lost});
    return read;
  }

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
