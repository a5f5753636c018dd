// What a graph of active views looks like: the figures of HyParView's and Plumtree's papers.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/unit/proto/membership/world.h"

namespace bp2p::membership {

/// Active links by index, of the living to the living they reach; and the living.
struct Graph {
  std::vector<std::vector<Index>> links;
  std::vector<Index> living;

  explicit Graph(const World& world) : links(world.size()) {
    for (Index i = 0; i < world.size(); ++i) {
      if (!world.is_alive(i)) continue;
      living.push_back(i);
      for (const Index to : world.neighbours(i))
        if (world.reaches(i, to)) links[i].push_back(to);
    }
  }
};

struct Distances {
  double mean = 0;
  std::size_t largest = 0;
  std::size_t reached = 0;  ///< from the last source, itself counted
};

/// Over all pairs, from `sources` sources spread evenly.
inline Distances distances(const Graph& graph, std::size_t sources) {
  Distances found;
  std::uint64_t sum = 0, pairs = 0;
  std::vector<std::int32_t> distance(graph.links.size());
  std::vector<Index> queue;
  sources = std::min(sources, graph.living.size());
  for (std::size_t s = 0; s < sources; ++s) {
    std::ranges::fill(distance, -1);
    queue.assign(1, graph.living[s * graph.living.size() / sources]);
    distance[queue[0]] = 0;
    for (std::size_t i = 0; i < queue.size(); ++i)
      for (const Index to : graph.links[queue[i]])
        if (distance[to] < 0) {
          distance[to] = distance[queue[i]] + 1;
          sum += static_cast<std::uint64_t>(distance[to]);
          ++pairs;
          queue.push_back(to);
        }
    found.largest = std::max(found.largest, static_cast<std::size_t>(distance[queue.back()]));
    found.reached = queue.size();
  }
  found.mean = pairs ? static_cast<double>(sum) / static_cast<double>(pairs) : 0;
  return found;
}

/// Share of pairs of neighbours that are neighbours, averaged.
inline double clustering(const Graph& graph) {
  double sum = 0;
  for (const Index i : graph.living) {
    const auto& mine = graph.links[i];
    std::size_t linked = 0;
    for (const Index a : mine) linked += static_cast<std::size_t>(std::ranges::count_if(mine, [&](Index b) {
      return std::ranges::find(graph.links[a], b) != graph.links[a].end();
    }));
    if (mine.size() > 1) sum += static_cast<double>(linked) / static_cast<double>(mine.size() * (mine.size() - 1));
  }
  return graph.living.empty() ? 0 : sum / static_cast<double>(graph.living.size());
}

/// Links that one end has alone, that end first.
inline std::vector<std::pair<Index, Index>> alone(const Graph& graph) {
  std::vector<std::pair<Index, Index>> found;
  for (const Index i : graph.living)
    for (const Index to : graph.links[i])
      if (std::ranges::find(graph.links[to], i) == graph.links[to].end()) found.emplace_back(i, to);
  return found;
}

inline std::vector<std::size_t> degrees(const Graph& graph) {
  std::vector<std::size_t> count(16);
  for (const Index i : graph.living) ++count[std::min<std::size_t>(graph.links[i].size(), 15)];
  return count;
}

/// The largest set of living daemons within which a flood reaches all; links are taken both ways.
inline std::size_t largest_component(const Graph& graph) {
  std::vector<std::vector<Index>> both(graph.links.size());
  for (const Index i : graph.living)
    for (const Index to : graph.links[i]) {
      both[i].push_back(to);
      both[to].push_back(i);
    }
  std::vector<bool> seen(graph.links.size());
  std::vector<Index> stack;
  std::size_t best = 0;
  for (const Index root : graph.living) {
    if (seen[root]) continue;
    std::size_t count = 0;
    stack.assign(1, root);
    seen[root] = true;
    while (!stack.empty()) {
      const Index i = stack.back();
      stack.pop_back();
      ++count;
      for (const Index to : both[i])
        if (!seen[to]) {
          seen[to] = true;
          stack.push_back(to);
        }
    }
    best = std::max(best, count);
  }
  return best;
}

/// Payloads of one flood from the first living daemon: each that hears it sends it to all its neighbours but one.
inline std::size_t payloads_per_flood(const Graph& graph) {
  std::size_t sent = 0;
  for (const Index i : graph.living) sent += graph.links[i].size();
  return sent + 1 - graph.living.size();
}

}  // namespace bp2p::membership
