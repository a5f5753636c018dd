// usage: overlay_figures [--daemons N] [--seed S] [--killed PERCENT] [FIGURE...]   the overlay's table of docs, ours beside the gate
// FIGURE: shape kill storm split eclipse; all without one.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "tests/unit/proto/membership/shape.h"

namespace bp2p::membership {
namespace {

struct Options {
  std::size_t daemons = 10'000;
  std::uint64_t seed = 1;
  int killed = 0;  ///< 0: all of the table
};

void row(const char* figure, const char* gate, const std::string& ours) {
  std::printf("| %-46s | %-18s | %s |\n", figure, gate, ours.c_str());
  std::fflush(stdout);
}
std::string text(const char* format, auto... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

std::unique_ptr<World> grown(const Options& options, std::size_t cycles) {
  auto world = std::make_unique<World>(options.seed);
  world->grow(options.daemons, 20ms);
  world->run_for(cycles * world->config.shuffle_period);
  return world;
}

void shape(const Options& options) {
  auto world = std::make_unique<World>(options.seed);
  world->grow(options.daemons, 20ms);
  {
    const Graph graph{*world};
    std::size_t links = 0;
    for (const auto& each : graph.links) links += each.size();
    row("mean degree right after the joins", "4.78", text("%.3f", static_cast<double>(links) / static_cast<double>(options.daemons)));
  }
  const auto messages = world->messages;
  world->run_for(50 * world->config.shuffle_period);
  const Graph graph{*world};
  const Distances all = distances(graph, graph.living.size());
  row("average shortest path", "6.3 - 6.45", text("%.3f", all.mean));
  row("largest distance", "<= 9", text("%zu", all.largest));
  row("clustering coefficient", "<= 0.001", text("%.5f", clustering(graph)));
  const auto degree = degrees(graph);
  row("exactly 5 active links", ">= 99 %", text("%.2f %% (4: %zu, 3: %zu, 2: %zu, 1: %zu, 0: %zu)", 100.0 * static_cast<double>(degree[5]) / static_cast<double>(options.daemons), degree[4], degree[3], degree[2], degree[1], degree[0]));
  const auto links_alone = alone(graph);
  row("asymmetric links, swaps under way included", "-", text("%zu of %zu", links_alone.size(), payloads_per_flood(graph) + options.daemons - 1));
  row("payloads per flood", "39,950 - 40,000", text("%zu", payloads_per_flood(graph)));
  world->run_for(world->config.keep_alive + 200ms);
  std::size_t still = 0;
  for (const auto& each : alone(Graph{*world})) still += std::ranges::contains(links_alone, each);
  row("asymmetric links a keep-alive later", "0", text("%zu", still));
  row("messages per daemon and cycle", "-", text("%.1f", static_cast<double>(world->messages - messages) / static_cast<double>(options.daemons) / 50));
}

void kill(const Options& options) {
  for (const int percent : {30, 50, 60, 80, 95}) {
    if (options.killed != 0 && options.killed != percent) continue;
    auto world = grown(options, 50);
    std::vector<Index> order(world->size());
    for (Index i = 0; i < order.size(); ++i) order[i] = i;
    world->rng.shuffle(std::span{order});
    const std::set<Index> dead(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(order.size() * static_cast<std::size_t>(percent) / 100));
    for (const Index each : dead) world->kill(each);
    const auto share = [&] {
      const Graph graph{*world};
      return 100.0 * static_cast<double>(largest_component(graph)) / static_cast<double>(graph.living.size());
    };
    const double at_once = share();
    std::string after;
    int full = -1;
    for (int cycle = 1; cycle <= 8 && full < 0; ++cycle) {
      world->run_for(world->config.shuffle_period);
      const double now_reached = share();
      after += text(" %.2f", now_reached);
      if (now_reached == 100.0) full = cycle;
    }
    const char* gate = percent == 30 ? "99.7 %; <= 1 cycle" : percent == 50 ? "95.2 %; <= 1 cycle" : percent == 60 ? "84.2 %; <= 1 cycle" : percent == 80 ? "<= 1 cycle" : "<= 5 cycles";
    row(text("%d %% killed: delivered at once; cycles to full", percent).c_str(), gate, text("%.1f %%; %d (%s )", at_once, full, after.c_str()));
  }
}

void storm(const Options& options) {
  World world{options.seed};
  world.add();
  const Duration gap = 10s / options.daemons;
  for (std::size_t i = 1; i < options.daemons; ++i) {
    const Index who = world.add();
    world.join(who, 0);
    world.run_for(gap);
    if (i % (options.daemons / 4) == 0) world.rejoin_alone();
  }
  for (int second = 0; second < 10; second += 5) {
    world.run_for(5s);
    world.rejoin_alone();
  }
  for (int round = 0; round <= 60; round += 10) {
    const Graph graph{world};
    const Distances some = distances(graph, 500);
    const auto degree = degrees(graph);
    row(text("10,000 joins in 10 s, after %d rounds", round).c_str(), round == 20 ? "6.37, 9" : "-",
        text("path %.2f, largest %zu, component %zu, degree 5: %zu", some.mean, some.largest, largest_component(graph), degree[5]));
    world.run_for(10 * world.config.shuffle_period);
  }
}

void split(const Options& options) {
  for (const int cycles : {1, 10, 50, 200}) {
    auto world = grown(options, 20);
    for (Index i = 0; i < world->size(); ++i) world->set_side(i, static_cast<std::uint8_t>(world->rng.below(2)));
    world->cut_links();
    world->run_for(cycles * world->config.shuffle_period);
    std::size_t lost = 0;
    for (Index i = 0; i < world->size(); ++i) lost += world->at(i).book().lost();
    world->heal();
    std::string after;
    for (int second = 0; second < 3; ++second) {
      world->run_for(world->config.shuffle_period);
      const Graph graph{*world};
      std::size_t across = largest_component(graph);
      after += text(" %.2f", 100.0 * static_cast<double>(across) / static_cast<double>(graph.living.size()));
    }
    row(text("split in halves for %d cycles, then healed", cycles).c_str(), "100 % in cycle 1", text("%s; %.1f lost members known each", after.c_str(), static_cast<double>(lost) / static_cast<double>(options.daemons)));
  }
}

/// `requests` forged NEIGHBOR(high) of as many keys at one daemon, from one network or from as many.
void eclipse(const Options& options) {
  auto world = grown(options, 20);
  const std::size_t honest = world->size();
  for (const bool one_network : {true, false})
    for (const std::size_t requests : {10u, 20u}) {
      std::size_t eclipsed = 0, trials = 200, least = 5;
      for (std::size_t trial = 0; trial < trials; ++trial) {
        HyParView victim = world->at(static_cast<Index>(world->rng.below(honest)));
        Effects out;
        for (std::size_t i = 0; i < requests; ++i) {
          const ContactPtr forged = make_contact(static_cast<Index>(1'000'000 + trial * 100 + i));
          const Address from = make_contact(one_network ? 1'000'000 : static_cast<Index>(1'000'000 + i))->addresses[0];
          victim.on_message(forged, from, Neighbor{Priority::high}, world->now + i * 500ms, out);
          out.clear();
        }
        std::size_t ours = 0;
        for (const Neighbour& each : victim.view().active()) ours += index_of(each.contact->key) < 1'000'000;
        eclipsed += ours == 0;
        least = std::min(least, ours);
      }
      row(text("%zu forged NEIGHBOR(high), %s", requests, one_network ? "one network" : "all networks").c_str(), "0 % eclipsed",
          text("%.1f %%; honest links left at least %zu", 100.0 * static_cast<double>(eclipsed) / static_cast<double>(trials), least));
    }
}

}  // namespace
}  // namespace bp2p::membership

int main(int argc, char** argv) {
  using namespace bp2p::membership;
  Options options;
  std::set<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--daemons" && i + 1 < argc) options.daemons = std::strtoul(argv[++i], nullptr, 10);
    else if (argument == "--seed" && i + 1 < argc) options.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (argument == "--killed" && i + 1 < argc) options.killed = std::atoi(argv[++i]);
    else wanted.insert(argument);
  }
  std::printf("%zu daemons, seed %llu\n| figure | gate | ours |\n|---|---|---|\n", options.daemons, static_cast<unsigned long long>(options.seed));
  const auto run = [&](const char* name, void (*figure)(const Options&)) {
    if (!wanted.empty() && !wanted.contains(name)) return;
    const auto start = std::chrono::steady_clock::now();
    figure(options);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%s: %.1f s, at most %ld MiB so far\n", name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), usage.ru_maxrss / 1024);
    std::fflush(stdout);
  };
  run("shape", shape);
  run("kill", kill);
  run("storm", storm);
  run("split", split);
  run("eclipse", eclipse);
}
