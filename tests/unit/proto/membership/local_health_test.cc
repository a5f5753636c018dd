#include "proto/membership/local_health.h"

#include <gtest/gtest.h>

namespace bp2p::membership {
namespace {

using namespace std::chrono_literals;

TEST(LocalHealth, InTimeItsClockIsTheDrivers) {
  LocalHealth health{{}, TimePoint{1h}};
  for (TimePoint now{1h}; now < TimePoint{2h}; now += 700ms) EXPECT_EQ(health.awake(now), now);
  EXPECT_EQ(health.multiplier(), 1u);
}

TEST(LocalHealth, APauseDoesNotPass) {
  LocalHealth health{{}, TimePoint{1h}};
  EXPECT_EQ(health.awake(TimePoint{1h + 31s}), TimePoint{1h + 1s});  // the tick that was due when it began
  EXPECT_EQ(health.awake(TimePoint{1h + 32s}), TimePoint{1h + 2s});
  EXPECT_EQ(health.as_steady(TimePoint{1h + 2s}), TimePoint{1h + 32s});
  EXPECT_EQ(health.times_late(), 1u);
}

TEST(LocalHealth, GetsWorseWithEachTickMissedAndBetterInTime) {
  Config config;
  LocalHealth health{config, TimePoint{}};
  TimePoint now{2500ms};
  health.awake(now);
  EXPECT_EQ(health.multiplier(), 2u);
  health.awake(now += 1h);
  EXPECT_EQ(health.multiplier(), config.health_worst);
  for (const TimePoint end = now + 8 * config.health_recovery; now < end;) health.awake(now += config.health_tick);
  EXPECT_EQ(health.multiplier(), 1u);
}

}  // namespace
}  // namespace bp2p::membership
