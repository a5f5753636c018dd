#include <array>
#include <cmath>
#include <set>
#include <string>

#include "proto/membership/codec.h"
#include "tests/bench/overlay/figures.h"
#include "tests/unit/proto/membership/shape.h"

namespace bp2p::bench {
namespace {

using namespace std::chrono_literals;
using membership::Graph;
using membership::Index;
using membership::World;

constexpr Picture delivery_after_kills{"delivery-after-kills", "Delivery after daemons are killed at the same moment",
                                       "daemons killed, %", "living daemons that a flood reaches, %"};
constexpr Picture cycles_to_heal{"cycles-to-heal", "Healing after daemons are killed at the same moment",
                                 "shuffle cycles (10 s) since the kill", "living daemons that a flood reaches, %"};
constexpr Picture split_picture{"split", "Two halves that were cut apart, after the cut is gone",
                                "shuffle cycles (10 s) since healing", "daemons that a flood reaches, %"};
constexpr Picture storm_picture{"storm", "Everybody joins through one daemon within 10 s",
                                "rounds of 10 s since the last join", "distance, hops"};

// A random graph of degree 5 is where all of this should end; the figures for it at the sizes of cluster.md (500: 4.22
// and 7, 1,000: 4.71 and 7, 10,000: 6.38 and 9, 100,000: 8.06 and 11) lie on these lines.
double random_path(std::size_t daemons) { return 1.67 * std::log10(static_cast<double>(daemons)) - 0.3; }
double random_diameter(std::size_t daemons) { return std::ceil(2 * std::log10(static_cast<double>(daemons))) + 1; }

double share_reached(const Graph& graph) {
  return 100.0 * static_cast<double>(largest_component(graph)) / static_cast<double>(graph.living.size());
}

double share_reached(const World& world) { return share_reached(Graph{world}); }

std::vector<Index> drawn_dead(std::size_t daemons, int percent, Rng& rng) {
  std::vector<Index> order(daemons);
  for (Index i = 0; i < order.size(); ++i) order[i] = i;
  rng.shuffle(std::span{order});
  order.resize(order.size() * static_cast<std::size_t>(percent) / 100);
  return order;
}

Graph without(Graph graph, const std::vector<Index>& dead) {
  std::vector<bool> is_dead(graph.links.size());
  for (const Index each : dead) is_dead[each] = true;
  for (const Index each : dead) graph.links[each].clear();
  for (auto& links : graph.links) std::erase_if(links, [&](Index to) { return is_dead[to]; });
  std::erase_if(graph.living, [&](Index each) { return is_dead[each]; });
  return graph;
}

World grown(const Options& options, std::size_t cycles) {
  World world{options.seed};
  world.grow(options.daemons, 20ms);
  world.run_for(cycles * world.config.shuffle_period);
  return world;
}

void shape(const Options& options, Report& report) {
  const double count = static_cast<double>(options.daemons);
  const bool as_in_paper = options.daemons == 10'000;
  const auto paper = [&](double value) { return as_in_paper ? std::optional{value} : std::nullopt; };
  World world{options.seed};
  world.grow(options.daemons, 20ms);
  // n daemons of degree d make d*n - (n - 1) payloads.
  report.add({"mean degree right after the joins", "links", std::nullopt, at_least(4.7)},
             (static_cast<double>(payloads_per_flood(Graph{world})) - 1) / count + 1);
  const auto messages = world.messages;
  world.measure = [](const membership::Message& message) { return membership::encode(message).size(); };
  world.run_for(50 * world.config.shuffle_period);

  const Graph graph{world};
  // From all to all takes minutes with 100,000; so many see what there is to see.
  const membership::Distances all = distances(graph, 10'000);
  const double path = random_path(options.daemons);
  report.add({"average shortest path", "hops", paper(6.385), Gate{path - 0.08, path + 0.07}}, all.mean);
  report.add({"largest distance", "hops", paper(9), at_most(random_diameter(options.daemons))},
             static_cast<double>(all.largest));
  report.add({"clustering coefficient", "", paper(0.00092), at_most(10 / count)}, clustering(graph));
  report.add({"exactly 5 active links", "%", std::nullopt, at_least(99)},
             100.0 * static_cast<double>(degrees(graph)[5]) / count);
  // Some swap is always under way: what is asymmetric now and was a keep-alive ago.
  const auto alone_now = alone(graph);
  world.run_for(world.config.keep_alive + 200ms);
  std::size_t still = 0;
  for (const auto& link : alone(Graph{world})) still += std::ranges::contains(alone_now, link);
  report.add({"asymmetric links when quiet", "links", std::nullopt, exactly(0)}, static_cast<double>(still));
  // With all five links each: 4n + 1. At 10,000 the gate leaves 50 to chance, and chance goes with the root.
  const double whole = 4 * count + 1;
  report.add({"payloads per flood", "payloads", paper(39'984), Gate{whole - 0.5 * std::sqrt(count) - 1, whole}},
             static_cast<double>(payloads_per_flood(graph)));
  report.add({"messages per daemon and cycle", "messages"}, static_cast<double>(world.messages - messages) / count / 50);
  report.add({"  in bytes, without those of QUIC", "B"}, static_cast<double>(world.bytes) / count / 50);
}

/// Of those who live when the share `killed` is dead: "S = 1-u^5, u = f+(1-f)u^4", percolation of the random graph.
double reached_by_theory(double killed) {
  double u = killed;
  for (int i = 0; i < 1'000; ++i) u = killed + (1 - killed) * std::pow(u, 4);
  return 100 * (1 - std::pow(u, 5));
}

void kills(const Options& options, Report& report) {
  for (int percent = 0; percent <= 95; percent += 5)
    report.draw(delivery_after_kills, "theory of random graphs", percent, reached_by_theory(percent / 100.0));
  const std::array<int, 6> all{10, 30, 50, 60, 80, 95};
  for (const int percent : all) {
    World world = grown(options, 50);
    // Where a giant component barely exists its size is chance: who else might have died on this very graph counts, too.
    constexpr int draws = 20;
    const Graph whole{world};
    double at_once = 0;
    for (int draw = 0; draw < draws; ++draw)
      at_once += share_reached(without(whole, drawn_dead(world.size(), percent, world.rng))) / draws;
    for (const Index each : drawn_dead(world.size(), percent, world.rng)) world.kill(each);

    const std::string part = std::to_string(percent) + " %", killed = part + " killed";
    const double theory = reached_by_theory(percent / 100.0);
    const double chance = 100 / std::sqrt(static_cast<double>(options.daemons));
    report.add({"delivered right after killing " + part + ", no repair", "%", std::nullopt,
                percent <= 60 ? std::optional{at_least(theory - chance)} : std::nullopt},
               at_once);
    report.draw(delivery_after_kills, "at once, no repair", percent, at_once);
    report.draw(cycles_to_heal, killed, 0, share_reached(world));
    constexpr int cycles = 8;
    int full = cycles + 1;  // not within those that are looked at
    for (int cycle = 1; cycle <= cycles; ++cycle) {
      if (cycle <= full) world.run_for(world.config.shuffle_period);
      const double share = cycle <= full ? share_reached(world) : 100;
      if (share == 100) full = std::min(full, cycle);
      report.draw(cycles_to_heal, killed, cycle, share);
      if (cycle == 1) report.draw(delivery_after_kills, "one cycle later", percent, share);
    }
    report.add({"cycles until full delivery, " + killed, "cycles", percent == 95 ? std::optional{4.0} : std::nullopt,
                at_most(percent <= 80 ? 1 : 5)},
               full);
  }
}

void storm(const Options& options, Report& report) {
  World world{options.seed};
  world.add();
  for (std::size_t i = 1; i < options.daemons; ++i) {
    const Index who = world.add();
    world.join(who, 0);
    world.run_for(10s / options.daemons);
    if (i % (options.daemons / 4) == 0) world.rejoin_alone();
  }
  for (int again = 0; again < 2; ++again) {
    world.run_for(5s);
    world.rejoin_alone();
  }
  for (int round = 0; round <= 60; round += 10) {
    const Graph graph{world};
    const membership::Distances some = distances(graph, 500);
    report.draw(storm_picture, "average shortest path", round, some.mean);
    report.draw(storm_picture, "largest distance", round, static_cast<double>(some.largest));
    if (round == 20) {
      const std::string when = "all join through one in 10 s, 20 rounds later: ";
      report.add({when + "path", "hops", std::nullopt, at_most(random_path(options.daemons) + 0.07)}, some.mean);
      report.add({when + "largest", "hops", std::nullopt, at_most(random_diameter(options.daemons))},
                 static_cast<double>(some.largest));
      report.add({when + "reached", "%", std::nullopt, exactly(100)}, share_reached(world));
    }
    world.run_for(10 * world.config.shuffle_period);
  }
}

void splits(const Options& options, Report& report) {
  for (const int cycles : {1, 10, 50, 200}) {
    if (options.quick && cycles > 50) continue;
    World world = grown(options, 20);
    for (Index i = 0; i < world.size(); ++i) world.set_side(i, static_cast<std::uint8_t>(world.rng.below(2)));
    world.cut_links();
    world.run_for(cycles * world.config.shuffle_period);
    const std::string split = "split for " + std::to_string(cycles) + (cycles == 1 ? " cycle" : " cycles");
    report.draw(split_picture, split, 0, share_reached(world));
    world.heal();
    for (int cycle = 1; cycle <= 3; ++cycle) {
      world.run_for(world.config.shuffle_period);
      const double share = share_reached(world);
      report.draw(split_picture, split, cycle, share);
      if (cycle == 1) report.add({split + ": delivered in the first cycle after", "%", std::nullopt, exactly(100)}, share);
    }
  }
}

/// Forged NEIGHBOR(high), each with a key of its own, from one network or from as many.
void eclipse(const Options& options, Report& report) {
  World world = grown(options, 20);
  constexpr Index forgers = 10'000'000;  // their indices; no daemon has such a one
  constexpr std::size_t trials = 200;
  for (const bool one_network : {true, false})
    for (const std::size_t requests : {10u, 20u}) {
      std::size_t eclipsed = 0;
      for (std::size_t trial = 0; trial < trials; ++trial) {
        membership::HyParView victim = world.at(static_cast<Index>(world.rng.below(world.size())));
        membership::Effects out;
        for (std::size_t i = 0; i < requests; ++i) {
          const auto forged = membership::make_contact(static_cast<Index>(forgers + trial * 100 + i));
          const auto from = membership::make_contact(one_network ? forgers : static_cast<Index>(forgers + i));
          victim.on_message(forged, from->addresses[0], membership::Neighbor{membership::Priority::high},
                            world.now + i * 500ms, out);
          out.clear();
        }
        eclipsed += std::ranges::none_of(victim.view().active(), [](const membership::Neighbour& each) {
          return membership::index_of(each.contact->key) < forgers;
        });
      }
      report.add({std::to_string(requests) + " forged NEIGHBOR(high), " + (one_network ? "one network" : "many networks") +
                      ": eclipsed",
                  "%", std::nullopt, exactly(0)},
                 100.0 * static_cast<double>(eclipsed) / trials);
    }
}

constexpr std::array experiments{Experiment{"shape", shape}, Experiment{"kills", kills}, Experiment{"storm", storm},
                                 Experiment{"splits", splits}, Experiment{"eclipse", eclipse}};

}  // namespace

std::span<const Experiment> overlay_experiments() { return experiments; }

}  // namespace bp2p::bench
