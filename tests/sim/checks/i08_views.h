// I8: active links are symmetric within one keep-alive period of quiet; sizes within bounds; self in neither view; views
// disjoint.
#pragma once
#include <map>

#include "proto/membership/hyparview.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Views final : public Check {
 public:
  using Check::Check;

  void on_second(const Host& host) override {
    const membership::View& view = host.core()->overlay().view();
    const membership::Config config = world_.core_config().membership;
    const auto wrong = [&](const char* what) { world_.violated("I8", "daemon " + std::to_string(host.number) + " has " + what); };
    if (view.active().size() > config.active_size) return wrong("more neighbours than it may");
    if (view.passive().size() > config.passive_size) return wrong("more spares than it may");
    std::set<PublicKey> seen{host.key()};
    for (const auto& each : view.active())
      if (!seen.insert(each.contact->key).second) return wrong("itself or somebody twice among its neighbours");
    for (const auto& each : view.passive())
      if (!seen.insert(each.contact->key).second) return wrong("itself, a neighbour or somebody twice among its spares");
  }

  /// A keep-alive says it to the other end, whose answer ends it; who is asked for a link has as long again to answer.
  void on_moment() override {
    const auto& paths = world_.network.paths;
    std::map<std::pair<std::size_t, std::size_t>, TimePoint> now_one_sided;
    for (const auto& host : world_.hosts) {
      if (!host->is_up() || host->is_paused()) continue;
      const std::size_t a = host->number;
      for (const std::size_t b : world_.sight.neighbours[a]) {
        if (b == 0 || b > world_.hosts.size() || world_.sight.has(b, a)) continue;
        const Host& other = world_.host(b);
        if (!other.is_up() || other.is_paused() || !paths.is_open(a, b) || !paths.is_open(b, a)) continue;
        const auto since = one_sided_.find({a, b});
        const TimePoint began = since == one_sided_.end() ? world_.queue.now() : since->second;
        now_one_sided.emplace(std::pair{a, b}, began);
        const Duration age = world_.queue.now() - began;
        const Duration allowed = world_.core_config().membership.keep_alive + 5s + paths.stands_still_for();
        if ((age > allowed && world_.faults.quiet_for() > allowed) || age > 60s)
          return world_.violated("I8", "daemon " + std::to_string(a) + " has daemon " + std::to_string(b) + " as a neighbour, and is none of its, for " +
                                           show(age));
      }
    }
    one_sided_ = std::move(now_one_sided);
  }

 private:
  std::map<std::pair<std::size_t, std::size_t>, TimePoint> one_sided_;
};

}  // namespace bp2p::sim
