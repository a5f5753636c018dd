// How much later a broadcast's payload comes than the first announcement of it. A graft timer below that asks for what
// is already on its way, which loads the links and makes the next payload later still: at 200 ms a tree of 1,000
// daemons collapsed (cluster.md, measured).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "proto/base/now.h"

namespace bp2p::gossip {

class Spread {
 public:
  /// Zero when the payload came first. Of a payload that had to be grafted this says nothing: leave those out.
  void add(Duration late);
  /// The delay that 99.9 % stayed within, rounded up to a bucket (at most a quarter more); zero without any.
  Duration p999() const;

 private:
  // Milliseconds, four buckets to an octave, up to 65 s.
  static constexpr std::size_t buckets = 60;
  std::array<std::uint32_t, buckets> counts_{};
  std::uint32_t total_ = 0;
};

}  // namespace bp2p::gossip
