#include "tests/sim/onlooker.h"

#include <algorithm>
#include <set>

#include "proto/membership/hyparview.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

bool Sight::has(std::size_t daemon, std::size_t neighbour) const {
  return daemon < neighbours.size() && std::ranges::contains(neighbours[daemon], neighbour);
}

std::size_t number_of(const World& world, const PublicKey& key) {
  for (const auto& each : world.hosts)
    if (each->key() == key) return each->number;
  for (const auto& each : world.hostiles)
    if (each->key() == key) return each->number;
  return 0;
}

Sight look(const World& world) {
  Sight sight;
  const std::size_t count = world.hosts.size() + 1;
  sight.neighbours.resize(count);
  sight.component.resize(count);

  std::map<PublicKey, std::size_t> numbers;
  for (const auto& each : world.hostiles) numbers.emplace(each->key(), each->number);
  for (const auto& each : world.hosts) numbers.emplace(each->key(), each->number);
  for (const auto& each : world.hosts) {
    if (!each->is_up()) continue;
    for (const auto& neighbour : each->core()->overlay().view().active()) {
      const auto found = numbers.find(neighbour.contact->key);
      sight.neighbours[each->number].push_back(found == numbers.end() ? 0 : found->second);
    }
  }

  std::set<std::pair<std::size_t, std::size_t>> linked;
  for (const auto& [number, connection] : world.network.connections()) {
    const auto& [a, b] = connection->ends;
    if (a.party != nullptr && b.party != nullptr && a.is_alive() && b.is_alive()) {
      linked.emplace(a.party->number, b.party->number);
      linked.emplace(b.party->number, a.party->number);
    }
  }
  const auto runs = [&](std::size_t number) {
    const Host& host = *world.hosts[number - 1];
    return host.is_up() && !host.is_paused();
  };
  for (std::size_t first = 1; first < count; ++first) {
    if (sight.component[first] != 0 || !runs(first)) continue;
    sight.component[first] = ++sight.components;
    for (std::vector<std::size_t> next{first}; !next.empty();) {
      const std::size_t at = next.back();
      next.pop_back();
      for (const std::size_t to : sight.neighbours[at]) {
        if (to == 0 || to >= count || sight.component[to] != 0 || !runs(to) || !sight.has(to, at)) continue;
        if (!linked.contains({at, to}) || !world.network.paths.is_open(at, to) || !world.network.paths.is_open(to, at)) continue;
        sight.component[to] = sight.components;
        next.push_back(to);
      }
    }
  }
  return sight;
}

}  // namespace bp2p::sim
