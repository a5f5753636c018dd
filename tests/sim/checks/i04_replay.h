// I4: no part of a handshake replayed, reflected or relayed on another connection authenticates.
#pragma once
#include "tests/sim/world.h"

namespace bp2p::sim {

class Replay final : public Check {
 public:
  using Check::Check;

  void on_effect(const Host& host, const Effect& effect) override {
    const auto* admit = std::get_if<AdmitLink>(&effect);
    if (admit == nullptr) return;
    Network::End* peer = nullptr;
    const auto* connection = world_.network.connection_of(admit->link, nullptr, &peer);
    if (connection != nullptr && peer->party->is_hostile() && !connection->has_own_hello)
      world_.violated("I4", "daemon " + std::to_string(host.number) +
                                " admits a link on which the peer has said no HELLO of its own key and of this connection");
  }
};

}  // namespace bp2p::sim
