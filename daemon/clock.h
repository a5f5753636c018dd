// The only place that reads clocks.
#pragma once
#include "proto/base/now.h"

namespace bp2p {

/// CLOCK_MONOTONIC in nanoseconds: never steps back, and ngtcp2 may be given the same number.
TimePoint steady_now();
WallTime wall_now();
/// Both, for one input of the core.
Now read_clocks();

}  // namespace bp2p
