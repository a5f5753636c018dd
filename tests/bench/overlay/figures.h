// The figures of cluster.md, one function per experiment: each builds a world from the seed, plays it and adds rows
// and curves to the report.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/bench/overlay/report.h"

namespace bp2p::bench {

struct Options {
  std::size_t daemons = 10'000;
  std::uint64_t seed = 1;
  bool quick = false;  ///< shorter splits, less churn
};

struct Experiment {
  const char* name;
  void (*run)(const Options& options, Report& report);
};

/// HyParView: shape, kills, storm, splits, eclipse. One HyParView per daemon, messages by value, links of 1-50 ms.
std::span<const Experiment> overlay_experiments();
/// Plumtree on a random graph in which each has five neighbours: one origin, many, concurrent, churn.
std::span<const Experiment> broadcast_experiments();

}  // namespace bp2p::bench
