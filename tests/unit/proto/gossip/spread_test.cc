#include "proto/gossip/spread.h"

#include <chrono>

namespace bp2p::gossip::test {
namespace {

using namespace std::chrono_literals;

TEST(Spread, IsNothingBeforeAnythingWasLate) {
  Spread spread;
  EXPECT_EQ(spread.p999(), Duration::zero());
  for (int i = 0; i < 10; ++i) spread.add(0ms);
  EXPECT_EQ(spread.p999(), Duration::zero());
}

TEST(Spread, LeavesOutOneInAThousandAndNoMore) {
  Spread spread;
  for (int i = 0; i < 9'991; ++i) spread.add(100ms);
  for (int i = 0; i < 9; ++i) spread.add(3s);
  EXPECT_GE(spread.p999(), 100ms);
  EXPECT_LE(spread.p999(), 125ms);
  for (int i = 0; i < 6; ++i) spread.add(3s);
  EXPECT_GE(spread.p999(), 3s);
  EXPECT_LE(spread.p999(), 3750ms);
}

TEST(Spread, RoundsUpByAQuarterAtMost) {
  for (int ms = 4; ms < 60'000; ms += 7) {
    Spread spread;
    spread.add(std::chrono::milliseconds{ms});
    EXPECT_GT(spread.p999(), std::chrono::milliseconds{ms});
    EXPECT_LE(spread.p999(), std::chrono::milliseconds{ms + ms / 4 + 1});
  }
}

TEST(Spread, ForgetsSlowly) {
  Spread spread;
  for (int i = 0; i < 100; ++i) spread.add(10s);
  for (int i = 0; i < 200'000; ++i) spread.add(10ms);
  EXPECT_LE(spread.p999(), 20ms);
}

TEST(Spread, TakesAnything) {
  Spread spread;
  spread.add(-1s);
  spread.add(Duration::max());
  EXPECT_GE(spread.p999(), 65s);
}

}  // namespace
}  // namespace bp2p::gossip::test
