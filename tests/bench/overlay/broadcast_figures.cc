#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "tests/bench/overlay/figures.h"
#include "tests/unit/proto/gossip/world.h"

namespace bp2p::bench {
namespace {

using namespace std::chrono_literals;
using gossip::test::World;

constexpr Picture churn_picture{"churn", "In each cycle 0.5 % of the daemons die, and as many come", "cycle (10 s)",
                                "hops of the last delivery"};
constexpr Picture latency_picture{"latency", "20 origins, each 50 broadcasts/s, 1,000 daemons, 1-50 ms links",
                                  "ms since the broadcast", "deliveries made, %"};

Duration between(Rng& rng, Duration least, Duration most) {
  const auto span = static_cast<std::uint64_t>((most - least).count());
  return least + Duration{static_cast<Duration::rep>(span == 0 ? 0 : rng.below(span))};
}

World connected(std::size_t daemons, std::uint64_t seed, Duration least, Duration most) {
  World world{daemons, seed};
  world.check_memory = false;
  Rng rng{seed};
  connect_all(world, gossip::test::random_regular(daemons, 5, rng), least, most);
  world.run_for(1s);
  return world;
}

/// Payloads beyond those needed, per payload needed: Plumtree's relative message redundancy.
double redundancy(const World& world) {
  const double needed = static_cast<double>(world.traffic.deliveries - world.sent.size());
  return (static_cast<double>(world.traffic.payloads) - needed) / needed;
}

/// Broadcasts from one daemon after another, with pauses; the last is looked at.
void one_origin(const Options& options, Report& report) {
  const bool as_in_paper = options.daemons == 10'000;
  const auto paper = [&](double value) { return as_in_paper ? std::optional{value} : std::nullopt; };
  const double others = static_cast<double>(options.daemons - 1);
  World world = connected(options.daemons, options.seed, 10ms, 10ms);
  for (int broadcast = 1; broadcast <= 10; ++broadcast) {
    world.traffic = {};
    world.sent.clear();
    world.track(world.id(0), world.tree(0).next_number());
    world.broadcast(0);
    world.run_for(3s);
    if (broadcast == 3)
      report.add({"redundancy (RMR) by the third broadcast of an origin", "", 0.0, exactly(0)}, redundancy(world));
  }
  const auto& t = world.traffic;
  report.add({"payloads per broadcast, steady", "payloads", paper(9'999), exactly(others)},
             static_cast<double>(t.payloads));
  report.add({"announcements per broadcast", "entries", paper(29'987), at_most(3.03 * others)},
             static_cast<double>(t.holdings));
  report.add({"  in so many messages", "messages"}, static_cast<double>(t.announcing));
  report.add({"last delivery hop, one origin", "hops", paper(10), at_most(10)}, world.last_hop);
  report.add({"delivered, one origin", "%", 100.0, exactly(100)},
             100.0 * static_cast<double>(t.deliveries) / static_cast<double>(options.daemons));
}

void many_origins(const Options& options, Report& report) {
  constexpr std::size_t origins = 20;
  World world = connected(options.daemons, options.seed, 1ms, 50ms);
  double hops = 0, payloads = 0;
  for (int round = 1; round <= 4; ++round)
    for (std::size_t origin = 0; origin < origins; ++origin) {
      world.traffic = {};
      world.track(world.id(origin), world.tree(origin).next_number());
      world.broadcast(origin);
      world.run_for(1s);
      if (round < 4) continue;
      hops += world.last_hop;
      payloads += static_cast<double>(world.traffic.payloads);
    }
  report.add({"last delivery hop, many (mean of 20 origins, links 1-50 ms)", "hops",
              options.daemons == 10'000 ? std::optional{50.0} : std::nullopt, at_most(18)},
             hops / origins);
  report.add({"payloads per broadcast, many", "payloads", std::nullopt,
              exactly(static_cast<double>(options.daemons - 1))},
             payloads / origins);
}

void concurrent(const Options& options, Report& report) {
  constexpr std::size_t origins = 20, daemons = 1'000;  // as the gates were measured, whatever the options say
  World world = connected(daemons, options.seed, 1ms, 50ms);
  const auto broadcast_for = [&](Duration duration) {
    const TimePoint begin = world.now;
    for (int i = 0; i < duration / 20ms; ++i)
      for (std::size_t origin = 0; origin < origins; ++origin)
        world.at(begin + i * 20ms + origin * 1ms, [&world, origin] { world.broadcast(origin); });
    world.run_for(duration);
  };
  broadcast_for(options.quick ? 500ms : 2s);  // trees form
  world.run_for(2s);
  std::vector<std::uint32_t> latencies;
  world.traffic = {};
  world.sent.clear();
  world.latencies_us = &latencies;
  broadcast_for(options.quick ? 500ms : 10s);
  world.run_for(3s);

  std::ranges::sort(latencies);
  const auto percentile = [&](double part) {
    return latencies[static_cast<std::size_t>(part * static_cast<double>(latencies.size() - 1))] / 1000.0;
  };
  const std::string load = "20 origins at 50 msg/s, 1,000 daemons, links 1-50 ms: ";
  report.add({load + "p50", "ms", std::nullopt, at_most(110)}, percentile(0.5));
  report.add({load + "p99", "ms", std::nullopt, at_most(160)}, percentile(0.99));
  report.add({load + "redundancy", "", std::nullopt, at_most(0.01)}, redundancy(world));
  report.add({load + "GRAFTs", "messages"}, static_cast<double>(world.traffic.grafts));
  report.add({load + "delivered", "%", std::nullopt, exactly(100)},
             100.0 * static_cast<double>(world.traffic.deliveries) / static_cast<double>(world.sent.size() * daemons));
  for (int ms = 0; ms <= 240; ms += 4) {
    const auto until = std::ranges::upper_bound(latencies, static_cast<std::uint32_t>(ms * 1'000));
    report.draw(latency_picture, "one tree per origin", ms,
                100.0 * static_cast<double>(until - latencies.begin()) / static_cast<double>(latencies.size()));
  }
}

/// Daemons die at any moment of a cycle's first seven seconds and come back two seconds later with nothing. Who lost a
/// link gets another within two seconds, as HyParView would promote one.
class Churn {
 public:
  Churn(const Options& options, Report& report)
      : daemons_(options.daemons),
        deaths_(std::max<std::size_t>(1, daemons_ / 200)),
        report_(report),
        world_(connected(daemons_, options.seed, 1ms, 50ms)),
        rng_(options.seed + 1) {
    for (int warm = 0; warm < 3; ++warm) {
      world_.broadcast(0);
      world_.run_for(3s);
    }
  }

  void measure(int cycles, bool dying, const std::string& when) {
    world_.traffic = {};
    world_.sent.clear();
    std::uint16_t last_hop = 0;
    // The last broadcast is looked at when the next one is made.
    const auto look = [&] {
      last_hop = std::max(last_hop, world_.last_hop);
      if (broadcasts_ > 0) report_.draw(churn_picture, when, static_cast<double>(broadcasts_) / 2, world_.last_hop);
    };
    world_.last_hop = 0;
    const TimePoint begin = world_.now;
    for (int cycle = 0; cycle < cycles; ++cycle) {
      const TimePoint start = begin + cycle * 10s;
      for (int k = 0; k < 5; ++k) world_.at(start + k * 2s + 500ms, [this] { repair(); });
      for (std::size_t i = 0; dying && i < deaths_; ++i)
        world_.at(start + between(rng_, 0s, 7s), [this] { somebody_dies(); });
      for (int k = 0; k < 2; ++k)
        world_.at(start + k * 5s + 1s, [&, is_first = cycle + k == 0] {
          if (!is_first) look();
          ++broadcasts_;
          world_.track(world_.id(0), world_.tree(0).next_number());
          world_.broadcast(0);
        });
    }
    world_.run_until(begin + cycles * 10s);
    world_.run_for(40s);  // grafts, and what is still kept
    look();

    const double needed = static_cast<double>(world_.sent.size()) * static_cast<double>(daemons_ - 1);
    const double redundant = static_cast<double>(world_.traffic.payloads) / needed - 1;
    const std::string name = std::to_string(deaths_) + (deaths_ == 1 ? " death" : " deaths") + " per cycle, " + when + ": ";
    report_.add({name + "deliveries missed", "", 0.0, exactly(0)},
                static_cast<double>(world_.missing().size()));
    report_.add({name + "redundancy", "", std::nullopt, at_most(0.1)}, redundant);
    report_.add({name + "last hop", "hops", std::nullopt, at_most(40)}, last_hop);
  }

 private:
  /// Whoever is short of links gets them of one another, as long as there are two.
  void repair() {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < daemons_; ++i)
      if (world_.alive(i))
        for (std::size_t n = world_.peers(i).size(); n < 5; ++n) missing.push_back(i);
    rng_.shuffle(std::span{missing});
    for (std::size_t i = 0; i + 1 < missing.size(); i += 2)
      if (missing[i] != missing[i + 1]) world_.connect(missing[i], missing[i + 1], between(rng_, 1ms, 50ms));
  }
  void somebody_dies() {
    const std::size_t who = 1 + rng_.below(daemons_ - 1);
    if (!world_.alive(who)) return;
    const std::uint64_t epoch = world_.id(who).epoch;
    world_.kill(who, 500ms);
    world_.at(world_.now + 2s, [this, who, epoch] { world_.start(who, epoch + 1); });
  }

  std::size_t daemons_, deaths_;
  Report& report_;
  World world_;
  Rng rng_;
  int broadcasts_ = 0;
};

void churn(const Options& options, Report& report) {
  Churn churn{options, report};
  churn.measure(3, false, "before");
  churn.measure(options.quick ? 20 : 100, true, "during");
  churn.measure(5, false, "after");
}

constexpr std::array experiments{Experiment{"one", one_origin}, Experiment{"many", many_origins},
                                 Experiment{"concurrent", concurrent}, Experiment{"churn", churn}};

}  // namespace

std::span<const Experiment> broadcast_experiments() { return experiments; }

}  // namespace bp2p::bench
