// Liveness: once all faults are over and the deadline has passed, every node has a channel with every node it wants,
// and both ends think so. (I9 for the channels; for the overlay it will be a checker of its own.)
#pragma once
#include "tests/sim/world.h"

namespace bp2p::sim {

class Convergence final : public Check {
 public:
  using Check::Check;

  void on_deadline() override {
    for (const auto& host : world_.hosts)
      for (const auto& node : host->nodes)
        for (const NodeName& wanted : node->wants) {
          const Node* peer = world_.node(wanted);
          if (host->is_removed() || peer->host().is_removed()) continue;
          if (node->is_connected(wanted) && peer->is_connected(node->name())) continue;
          const auto heard = node->last_refusals.find(wanted);
          return world_.violated("liveness", node->name().text() + " has no channel with " + wanted.text() + (node->is_connected(wanted) ? " that the other end knows" : "") +
                                                 (heard == node->last_refusals.end() ? "" : "; it last heard: " + heard->second));
        }
  }
};

}  // namespace bp2p::sim
