// Which names are pinned to which key at which daemon, as the cores have asked for it: not as the disks say.
#pragma once
#include <map>
#include <optional>
#include <utility>

#include "tests/sim/host.h"

namespace bp2p::sim {

class PinLedger {
 public:
  void store(const Host& host, const StorePins& wanted) {
    for (const NodeName& name : wanted.names) pins_.emplace(std::pair{host.number, name}, wanted.key);
  }
  std::optional<PublicKey> find(const Host& host, const NodeName& name) const {
    const auto found = pins_.find({host.number, name});
    return found == pins_.end() ? std::nullopt : std::optional{found->second};
  }
  void unpin(const Host& host, const NodeName& name) { pins_.erase({host.number, name}); }
  void forget(const Host& host) {
    std::erase_if(pins_, [&](const auto& each) { return each.first.first == host.number; });
  }

 private:
  std::map<std::pair<std::size_t, NodeName>, PublicKey> pins_;
};

}  // namespace bp2p::sim
