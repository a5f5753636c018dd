#include "proto/membership/local_health.h"

#include <algorithm>

#include "proto/base/check.h"

namespace bp2p::membership {

LocalHealth::LocalHealth(const Config& config, TimePoint now)
    : tick_(config.health_tick), recovery_(config.health_recovery), worst_(config.health_worst), ticked_(now), better_at_(now) {
  BP2P_CHECK(tick_ > Duration{0} && worst_ > 0);
}

TimePoint LocalHealth::awake(TimePoint now) {
  if (now >= next_tick()) {
    const Duration late = now - next_tick();
    ticked_ = now;
    if (late >= tick_) {
      ++times_late_;
      asleep_ += late;
      worsen(static_cast<std::uint64_t>(late / tick_));
    } else if (score_ > 0 && now >= better_at_) {
      --score_;
      better_at_ = now + recovery_;
    }
  }
  return now - asleep_;
}

void LocalHealth::worsen(std::uint64_t by) {
  score_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(score_ + by, worst_ - 1));
  better_at_ = ticked_ + recovery_;
}

}  // namespace bp2p::membership
