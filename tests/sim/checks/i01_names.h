// I1: a dist channel to name X exists only over a link whose key was proven for X; the name in the Erlang handshake
// equals the proven name, both directions.
#pragma once
#include <map>
#include <set>

#include "tests/sim/checks/pin_ledger.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Names final : public Check {
 public:
  using Check::Check;

  void on_link_opened(const Host&, LinkId link, const LinkFacts& facts) override { keys_[link] = facts.peer_key; }
  void on_pins_stored(const Host& host, const StorePins& wanted, bool stored) override {
    if (stored) ledger_.store(host, wanted);
  }
  void on_unpinned(const Host& host, const NodeName& name) override {
    ledger_.unpin(host, name);
    unpinned_.insert({host.number, name});
  }
  void on_state_lost(const Host& host) override { ledger_.forget(host); }

  void on_channel_started(const Host& host, const StartChannel& channel) override {
    const Node* node = host.node_of(channel.leg);
    if (node == nullptr || channel.names.local != node->name())
      return world_.violated("I1", "a channel is started in the name of another node than the one that asked");
    if (!channel.names.remote) return world_.violated("I1", "a channel to a node without a name, which nobody here is");
    const NodeName& remote = *channel.names.remote;
    if (unpinned_.contains({host.number, remote})) return;  // by an operator, while the link stood
    if (ledger_.find(host, remote) != keys_.at(channel.link))
      world_.violated("I1", "daemon " + std::to_string(host.number) + " starts a channel to " + remote.text() +
                                " over a link whose key is not pinned for it");
  }

  void on_channel_named(const Host& host, const Pipe& pipe) override {
    if (pipe.peer != pipe.names.remote || pipe.node->name() != pipe.names.local)
      world_.violated("I1", "daemon " + std::to_string(host.number) + ": the name in the handshake is not the proven one");
  }

 private:
  std::map<LinkId, PublicKey> keys_;
  PinLedger ledger_;
  std::set<std::pair<std::size_t, NodeName>> unpinned_;
};

}  // namespace bp2p::sim
