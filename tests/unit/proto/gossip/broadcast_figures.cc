// broadcast_figures [DAEMONS [SEED [one|many|concurrent|churn]]]: the table "Broadcast: Plumtree" of docs (10,000 daemons by default, each with five
// neighbours in a random graph), ours beside its gates. Wants an optimised build; minutes and gigabytes at full size.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/unit/proto/gossip/world.h"

namespace bp2p::gossip::test {
namespace {

using namespace std::chrono_literals;

void row(const std::string& figure, const std::string& ours, const std::string& gate, bool met) {
  std::printf("| %-62s | %-24s | %-24s | %s |\n", figure.c_str(), ours.c_str(), gate.c_str(), met ? "met" : "MISSED");
  std::fflush(stdout);
}
std::string text(double value, int digits = 0) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}
std::string count(std::uint64_t value) { return std::to_string(value); }

/// Payloads beyond those needed, per payload needed: Plumtree's relative message redundancy.
double redundancy(const World& world) {
  const double needed = static_cast<double>(world.traffic.deliveries - world.sent.size());
  return (static_cast<double>(world.traffic.payloads) - needed) / needed;
}

std::uint32_t percentile(std::vector<std::uint32_t>& values, double part) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

struct Links {
  Duration least, most;
};

void fill(World& world, std::uint64_t seed, Links links) {
  world.check_memory = false;
  Rng rng{seed};
  connect_all(world, random_regular(world.size(), 5, rng), links.least, links.most);
  world.run_for(1s);
}

void one_origin(std::size_t daemons, std::uint64_t seed) {
  World world{daemons, seed};
  fill(world, seed, {10ms, 10ms});
  const double gate_scale = static_cast<double>(daemons) / 10'000;
  for (int broadcast = 1; broadcast <= 10; ++broadcast) {
    world.traffic = {};
    world.sent.clear();
    world.track(world.id(0), world.tree(0).next_number());
    world.broadcast(0);
    world.run_for(3s);
    if (broadcast == 3)
      row("redundancy by the third broadcast of an origin", text(redundancy(world), 4), "0", redundancy(world) == 0);
    if (broadcast != 10) continue;
    const auto& t = world.traffic;
    row("payloads per broadcast, steady", count(t.payloads), count(daemons - 1), t.payloads == daemons - 1);
    row("announcements per broadcast", count(t.holdings) + " in " + count(t.announcing), "about " + text(29'990 * gate_scale),
        static_cast<double>(t.holdings) <= 1.01 * 29'990 * gate_scale);
    row("last delivery hop, one origin", count(world.last_hop), "<= 10", world.last_hop <= 10);
    row("  ... deliveries", count(t.deliveries), count(daemons), t.deliveries == daemons);
  }
}

void many_origins(std::size_t daemons, std::uint64_t seed) {
  World world{daemons, seed};
  fill(world, seed, {1ms, 50ms});
  std::uint16_t most = 0;
  std::uint64_t hops = 0, payloads = 0, deliveries = 0;
  const std::size_t origins = 20;
  for (int round = 1; round <= 4; ++round)
    for (std::size_t origin = 0; origin < origins; ++origin) {
      world.traffic = {};
      world.track(world.id(origin), world.tree(origin).next_number());
      world.broadcast(origin);
      world.run_for(1s);
      if (round < 4) continue;
      most = std::max(most, world.last_hop);
      hops += world.last_hop;
      payloads += world.traffic.payloads;
      deliveries += world.traffic.deliveries;
    }
  const double mean = static_cast<double>(hops) / origins;
  row("last delivery hop, 20 origins, links 1-50 ms: mean (most)", text(mean, 1) + " (" + count(most) + ")", "<= 18",
      mean <= 18);
  row("  ... payloads per broadcast", count(payloads / origins), count(daemons - 1),
      payloads == origins * (daemons - 1) && deliveries == origins * daemons);
}

void concurrent(std::size_t daemons, std::uint64_t seed) {
  World world{daemons, seed};
  fill(world, seed, {1ms, 50ms});
  const std::size_t origins = 20;
  std::vector<std::uint32_t> latencies;
  const auto run = [&](int seconds) {
    const TimePoint begin = world.now;
    for (int i = 0; i < seconds * 50; ++i)
      for (std::size_t origin = 0; origin < origins; ++origin)
        world.at(begin + i * 20ms + Duration{static_cast<Duration::rep>(origin * 1'000'000)}, [&world, origin] { world.broadcast(origin); });
    world.run_for(std::chrono::seconds{seconds});
  };
  run(2);  // trees form
  world.run_for(2s);
  world.traffic = {};
  world.sent.clear();
  world.latencies_us = &latencies;
  run(10);
  world.run_for(3s);
  const double p50 = percentile(latencies, 0.5) / 1000.0, p99 = percentile(latencies, 0.99) / 1000.0;
  row("20 origins at 50 msg/s, 1,000 daemons, 1-50 ms: p50", text(p50) + " ms", "<= 110 ms", p50 <= 110);
  row("  ... p99", text(p99) + " ms", "<= 160 ms", p99 <= 160);
  row("  ... redundancy", text(redundancy(world), 4), "< 0.01", redundancy(world) < 0.01);
  const bool all = world.traffic.deliveries == world.sent.size() * daemons && world.sent.size() == 10'000;
  row("  ... deliveries", count(world.traffic.deliveries), count(10'000 * daemons), all);
  std::printf("  grafts %llu, announcements %llu in %llu messages, graft timer %.0f ms\n",
              static_cast<unsigned long long>(world.traffic.grafts), static_cast<unsigned long long>(world.traffic.holdings),
              static_cast<unsigned long long>(world.traffic.announcing),
              std::chrono::duration<double, std::milli>(world.tree(0).graft_after()).count());
}

/// 50 daemons of 10,000 die in each cycle of ten seconds, and as many come; two broadcasts a cycle. A survivor that lost
/// a link gets another within two seconds, as HyParView would promote one.
void churn(std::size_t daemons, std::uint64_t seed) {
  World world{daemons, seed};
  fill(world, seed, {1ms, 50ms});
  Rng rng{seed + 1};
  const auto delay = [&] { return 1ms + Duration{static_cast<Duration::rep>(rng.below(49'000'000))}; };
  const std::size_t deaths = std::max<std::size_t>(1, daemons / 200);
  // Whoever is short of links gets them: the short among themselves, as long as there are two.
  const auto repair = [&] {
    std::vector<std::size_t> shorts;
    for (std::size_t i = 0; i < daemons; ++i)
      if (world.alive(i))
        for (std::size_t n = world.peers(i).size(); n < 5; ++n) shorts.push_back(i);
    rng.shuffle(std::span{shorts});
    for (std::size_t i = 0; i + 1 < shorts.size(); i += 2)
      if (shorts[i] != shorts[i + 1]) world.connect(shorts[i], shorts[i + 1], delay());
  };
  const auto measure = [&](int cycles, bool dying, const char* when) {
    std::uint16_t last_hop = 0;
    world.traffic = {};
    world.sent.clear();
    world.gaps.clear();
    const TimePoint begin = world.now;
    for (int cycle = 0; cycle < cycles; ++cycle) {
      const TimePoint start = begin + cycle * 10s;
      for (int k = 0; k < 5; ++k) world.at(start + k * 2s + 500ms, repair);
      for (std::size_t i = 0; dying && i < deaths; ++i)
        world.at(start + Duration{static_cast<Duration::rep>(rng.below(7'000'000'000))}, [&] {
          const std::size_t who = 1 + rng.below(daemons - 1);
          if (!world.alive(who)) return;
          const std::uint64_t epoch = world.id(who).epoch;
          world.kill(who, 500ms);
          world.at(world.now + 2s, [&, who, epoch] { world.start(who, epoch + 1); });
        });
      for (int k = 0; k < 2; ++k)
        world.at(start + k * 5s + 1s, [&] {
          last_hop = std::max(last_hop, world.last_hop);
          world.track(world.id(0), world.tree(0).next_number());
          world.broadcast(0);
        });
    }
    world.run_until(begin + cycles * 10s);
    world.run_for(40s);  // grafts, and what is still kept
    last_hop = std::max(last_hop, world.last_hop);
    const std::size_t missing = world.missing().size();
    const double per = static_cast<double>(world.traffic.payloads) / static_cast<double>(world.sent.size() * (daemons - 1)) - 1;
    row(std::string{"50 deaths a cycle, "} + when + ": missed by a living daemon", count(missing), "0", missing == 0);
    row("  ... redundancy", text(per, 4), "< 0.1", per < 0.1);
    row("  ... last hop", count(last_hop), "<= 40", last_hop <= 40);
    std::printf("  %zu broadcasts, grafts %llu, gaps %zu, violations %zu, reports %zu\n", world.sent.size(),
                static_cast<unsigned long long>(world.traffic.grafts), world.gaps.size(), world.violations.size(),
                world.reports.size());
  };
  for (int warm = 0; warm < 3; ++warm) {
    world.broadcast(0);
    world.run_for(3s);
  }
  measure(3, false, "before");
  measure(100, true, "during 100 cycles");
  measure(5, false, "after");
}

}  // namespace
}  // namespace bp2p::gossip::test

int main(int argc, char** argv) {
  using namespace bp2p::gossip::test;
  const std::size_t daemons = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const std::string only = argc > 3 ? argv[3] : "";
  std::printf("%zu daemons, seed %llu\n| figure | ours | gate | |\n|---|---|---|---|\n", daemons,
              static_cast<unsigned long long>(seed));
  if (only.empty() || only == "one") one_origin(daemons, seed);
  if (only.empty() || only == "many") many_origins(daemons, seed);
  if (only.empty() || only == "concurrent") concurrent(std::min<std::size_t>(daemons, 1'000), seed);
  if (only.empty() || only == "churn") churn(daemons, seed);
}
