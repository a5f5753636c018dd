// I18, what of it the core answers for: VM killed: its names are gone within 1 s and peers told. Daemon killed: the
// shim reconnects, with the creation that it had.
#pragma once
#include "tests/sim/world.h"

namespace bp2p::sim {

class Deaths final : public Check {
 public:
  using Check::Check;

  void on_node_killed(const Node& node) override {
    const bool is_quiet = world_.faults.quiet_before() > 5s;
    world_.queue.after(1s, [this, &node, is_quiet, start = node.host().start(), vm = node.starts(), faults = world_.faults.performed()] {
      const Host& host = node.host();
      if (!host.is_up() || host.is_paused() || host.start() != start || node.starts() != vm || node.is_running()) return;
      for (const SessionStatus& session : host.core()->status(host.now()).sessions)
        if (session.name == node.name()) return world_.violated("I18", node.name().text() + " is dead for 1 s and still attached");
      if (!is_quiet || world_.faults.performed() != faults || host.is_stopping()) return;
      for (const auto& peer : world_.hosts) {
        if (peer.get() == &host || !peer->is_up()) continue;
        for (const LinkStatus& link : peer->core()->status(peer->now()).links)
          if (link.key == host.key() && link.since > 2s && std::ranges::contains(link.names, node.name()))
            return world_.violated("I18", node.name().text() + " is dead for 1 s and daemon " + std::to_string(peer->number) + " still believes it is served");
      }
    });
  }

  void on_deadline() override {
    for (const auto& host : world_.hosts)
      for (const auto& node : host->nodes)
        if (!host->is_removed() && !node->is_attached()) return world_.violated("I18", node->name().text() + " has not come back to its daemon");
  }
};

}  // namespace bp2p::sim
