// I2: a pin never changes without an operator's act; a missing, torn, unreadable or wrong-size pin refuses the peer.
#pragma once
#include <algorithm>
#include <set>

#include "tests/sim/checks/pin_ledger.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Pins final : public Check {
 public:
  using Check::Check;

  void on_pins_stored(const Host& host, const StorePins& wanted, bool stored) override {
    for (const NodeName& name : wanted.names)
      if (const auto known = ledger_.find(host, name); known && *known != wanted.key)
        return world_.violated("I2", "daemon " + std::to_string(host.number) + " pins " + name.text() + " to another key than before");
    if (stored) ledger_.store(host, wanted);
  }

  /// Another's name costs the name alone, if there is one that is pinned to this key.
  void on_pins_read(const Host& host, const ReadPins& wanted, const PinReads& reads) override {
    const bool has_proven = std::ranges::any_of(reads.claimed, [&](const PinRead& read) { return read && *read && **read == wanted.key; });
    for (std::size_t i = 0; i < wanted.names.size(); ++i) {
      const PinRead& read = reads.claimed[i];
      if (!read || (*read && **read != wanted.key && !has_proven)) refused_.insert(wanted.link);
      if (read && *read != ledger_.find(host, wanted.names[i]))
        return world_.violated("I2", "daemon " + std::to_string(host.number) + ": the pin of " + wanted.names[i].text() +
                                         (*read ? " is another one" : " is gone") + ", and no operator was there");
    }
  }

  void on_effect(const Host& host, const Effect& effect) override {
    const auto* admit = std::get_if<AdmitLink>(&effect);
    if (admit != nullptr && refused_.contains(admit->link))
      world_.violated("I2", "daemon " + std::to_string(host.number) + " admits a link though a pin of the peer's names is another or unreadable");
  }

  void on_unpinned(const Host& host, const NodeName& name) override { ledger_.unpin(host, name); }
  void on_state_lost(const Host& host) override { ledger_.forget(host); }

 private:
  PinLedger ledger_;
  std::set<LinkId> refused_;
};

}  // namespace bp2p::sim
