// How well this daemon keeps its own time. One that was paused, or is overloaded, has not heard what would have cleared
// the others, so it blames itself first: its clock for suspicions stands still while it is late, and runs slower for a
// while (Local Health Awareness: Dadgar, Phillips, Currey, "Lifeguard", 2017, section IV).
#pragma once
#include <cstdint>

#include "proto/base/now.h"
#include "proto/membership/config.h"

namespace bp2p::membership {

class LocalHealth {
 public:
  LocalHealth(const Config& config, TimePoint now);

  /// To be asked at every input. The time of the driver without what passed while we were late: nothing that is due in
  /// awake time can become due by a pause of ours. Late is what comes a whole tick after its deadline.
  TimePoint awake(TimePoint now);
  TimePoint next_tick() const { return ticked_ + tick_; }
  /// Awake time as the driver's, as long as we are in time.
  TimePoint as_steady(TimePoint awake) const { return awake == never ? never : awake + asleep_; }

  void worsen(std::uint64_t by = 1);
  /// 1 when all is well, at most Config::health_worst.
  std::uint32_t multiplier() const { return 1 + score_; }
  std::uint64_t times_late() const { return times_late_; }

 private:
  Duration tick_, recovery_;
  std::uint32_t worst_;
  TimePoint ticked_, better_at_;
  Duration asleep_{0};
  std::uint32_t score_ = 0;
  std::uint64_t times_late_ = 0;
};

}  // namespace bp2p::membership
