// I2: a pin never changes without an operator's act; a missing, torn, unreadable or wrong-size pin refuses the peer.
#pragma once
#include <map>
#include <set>

#include "tests/sim/world.h"

namespace bp2p::sim {

class Pins final : public Check {
 public:
  using Check::Check;

  void on_pins_stored(const Host& host, const StorePins& wanted, bool stored) override {
    for (const NodeName& name : wanted.names) {
      if (const auto known = pinned_.find({host.number, name}); known != pinned_.end() && known->second != wanted.key)
        return world_.violated("I2", "daemon " + std::to_string(host.number) + " pins " + name.text() + " to another key than before");
      if (stored) pinned_.emplace(std::pair{host.number, name}, wanted.key);
    }
  }

  void on_pins_read(const Host& host, const ReadPins& wanted, const PinReads& reads) override {
    for (std::size_t i = 0; i < wanted.names.size(); ++i) {
      const PinRead& read = reads.claimed[i];
      const auto known = pinned_.find({host.number, wanted.names[i]});
      const std::optional<PublicKey> expected = known == pinned_.end() ? std::nullopt : std::optional{known->second};
      if (!read || (*read && **read != wanted.key)) refused_.insert(wanted.link);
      if (read && *read != expected)
        return world_.violated("I2", "daemon " + std::to_string(host.number) + ": the pin of " + wanted.names[i].text() +
                                         (*read ? " is another one" : " is gone") + ", and no operator was there");
    }
  }

  void on_effect(const Host& host, const Effect& effect) override {
    const auto* admit = std::get_if<AdmitLink>(&effect);
    if (admit != nullptr && refused_.contains(admit->link))
      world_.violated("I2", "daemon " + std::to_string(host.number) + " admits a link though a pin of the peer's names is another or unreadable");
  }

  void on_unpinned(const Host& host, const NodeName& name) override { pinned_.erase({host.number, name}); }
  void on_state_lost(const Host& host) override {
    std::erase_if(pinned_, [&](const auto& each) { return each.first.first == host.number; });
  }

 private:
  std::map<std::pair<std::size_t, NodeName>, PublicKey> pinned_;
  std::set<LinkId> refused_;
};

}  // namespace bp2p::sim
