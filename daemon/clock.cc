#include "daemon/clock.h"

#include <time.h>

#include "proto/base/check.h"

namespace bp2p {
namespace {

std::chrono::nanoseconds read(clockid_t clock) {
  timespec at{};
  BP2P_CHECK(clock_gettime(clock, &at) == 0);  // both clocks exist on every Linux
  return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
}

}  // namespace

TimePoint steady_now() { return TimePoint{read(CLOCK_MONOTONIC)}; }

WallTime wall_now() { return std::chrono::duration_cast<WallTime>(read(CLOCK_REALTIME)); }

Now read_clocks() { return {.steady = steady_now(), .wall = wall_now()}; }

}  // namespace bp2p
