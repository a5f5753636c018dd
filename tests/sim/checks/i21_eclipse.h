// I21: with k hostile keys, every honest daemon keeps at least 2 honest active links. (That its writes reach the others
// is I10.)
#pragma once
#include <map>

#include "tests/sim/world.h"

namespace bp2p::sim {

class Eclipse final : public Check {
 public:
  using Check::Check;

  void on_moment() override {
    // Who has just come, or comes back from something, has had no time yet to find anybody.
    if (world_.faults.is_calm()) return;  // they are gone
    if (world_.hostiles.empty() || world_.hosts.size() < 4 || world_.faults.undisturbed_for() < 60s || world_.queue.elapsed() < 60s) return;
    for (const auto& host : world_.hosts) {
      if (!host->is_up()) continue;
      std::size_t honest = 0;
      for (const std::size_t each : world_.sight.neighbours[host->number]) honest += each > 0 && each <= world_.hosts.size() ? 1 : 0;
      unsigned& seconds = lonely_[host->number];
      seconds = honest < 2 ? seconds + 1 : 0;
      if (seconds > 5)
        return world_.violated("I21", "daemon " + std::to_string(host->number) + " has " + std::to_string(honest) + " honest neighbours of " +
                                          std::to_string(world_.sight.neighbours[host->number].size()));
    }
  }

 private:
  std::map<std::size_t, unsigned> lonely_;  // seconds
};

}  // namespace bp2p::sim
