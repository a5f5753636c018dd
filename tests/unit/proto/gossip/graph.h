// A random graph in which everybody has `degree` neighbours (one may lack one), connected: what HyParView makes.
#pragma once
#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "proto/base/rng.h"

namespace bp2p::gossip::test {

using Edge = std::pair<std::size_t, std::size_t>;  // the smaller first

inline Edge edge(std::size_t a, std::size_t b) { return {std::min(a, b), std::max(a, b)}; }

inline bool is_connected(std::size_t nodes, const std::set<Edge>& edges) {
  std::vector<std::size_t> root(nodes);
  for (std::size_t i = 0; i < nodes; ++i) root[i] = i;
  const auto find = [&](std::size_t i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  for (const auto& [a, b] : edges) root[find(a)] = find(b);
  for (std::size_t i = 0; i < nodes; ++i)
    if (find(i) != find(0)) return false;
  return true;
}

inline std::set<Edge> random_regular(std::size_t nodes, std::size_t degree, Rng& rng) {
  std::set<Edge> edges;
  if (nodes <= degree + 1) {
    for (std::size_t a = 0; a < nodes; ++a)
      for (std::size_t b = a + 1; b < nodes; ++b) edges.insert({a, b});
    return edges;
  }
  do {
    // Stubs paired at random; a pair that cannot be is exchanged with a random edge.
    edges.clear();
    std::vector<std::size_t> stubs;
    for (std::size_t i = 0; i < nodes * degree; ++i) stubs.push_back(i / degree);
    rng.shuffle(std::span{stubs});
    std::vector<Edge> made;
    for (std::size_t i = 0; i + 1 < stubs.size(); i += 2) {
      std::size_t a = stubs[i], b = stubs[i + 1];
      for (int tries = 0; tries < 200; ++tries) {
        if (a != b && !edges.contains(edge(a, b))) {
          edges.insert(edge(a, b));
          made.push_back(edge(a, b));
          break;
        }
        if (made.empty()) break;
        Edge& other = made[rng.below(made.size())];
        const auto [c, d] = other;
        if (a == c || edges.contains(edge(a, c))) continue;
        edges.erase(other);
        other = edge(a, c);
        edges.insert(other);
        a = d;
      }
    }
  } while (!is_connected(nodes, edges));
  return edges;
}

}  // namespace bp2p::gossip::test
