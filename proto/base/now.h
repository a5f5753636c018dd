// Time as protocol code sees it: an argument. Nothing in proto/ can read a clock, because the clock
// type here has no now().
#pragma once
#include <chrono>
#include <cstdint>

namespace bp2p {

/// Nanoseconds. Every span of time is a Duration, never a bare integer.
using Duration = std::chrono::nanoseconds;

/// The driver's monotonic clock. Its origin is arbitrary; only differences mean anything.
struct SteadyClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyClock, Duration>;
  static constexpr bool is_steady = true;
};
using TimePoint = SteadyClock::time_point;

/// "Nothing is scheduled."
inline constexpr TimePoint never = TimePoint::max();

/// Milliseconds since 1970-01-01 UTC. May step; only records that outlive a process carry it.
using WallTime = std::chrono::duration<std::int64_t, std::milli>;

/// Both clocks, read once per input by the driver.
struct Now {
  TimePoint steady;
  WallTime wall;
};

}  // namespace bp2p
