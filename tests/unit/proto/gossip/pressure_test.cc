// Back-pressure instead of loss: slow peers, full windows, and what is kept.
#include "proto/gossip/recent.h"
#include "tests/unit/proto/gossip/one.h"

namespace bp2p::gossip::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Config small() {
  Config config;
  config.window_bytes = 10 * (1000 + Recent::overhead);
  config.payload_bytes_max = 4000;
  config.kept_bytes_max = 4 * config.window_bytes;
  return config;
}

TEST(Pressure, ASlowPeerIsToldWhenItsStreamHasRoomAndIsServedThen) {
  One one;
  one.meet({a, b});
  one.tree.on_backlog(b, 300 << 10, one.now, one.out);
  for (const std::uint64_t number : {1, 2, 3}) one.pushes(a, number);
  one.wait(1s);
  EXPECT_THAT(one.sent_to<Gossip>(), IsEmpty());
  EXPECT_THAT(one.sent_to<IHave>(), IsEmpty());
  one.tree.on_backlog(b, 200 << 10, one.now, one.out);  // not half of it yet
  EXPECT_THAT(one.sent_to<IHave>(), IsEmpty());
  one.tree.on_backlog(b, 100 << 10, one.now, one.out);
  ASSERT_THAT(one.sent<IHave>(), SizeIs(1));
  EXPECT_THAT(one.sent<IHave>()[0].second.holdings, ElementsAre(Holding{origin, 1, 3}));
  one.out.clear();
  one.says(b, Graft{origin, {{1, 3}}});
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b, b, b));
  one.out.clear();
  one.pushes(a, 4);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b));
}

TEST(Pressure, WhatWeSendIsCountedBeforeTheStreamSaysSo) {
  One one;
  one.meet({a, b});
  for (std::uint64_t number = 1; number <= 100; ++number) one.pushes(a, number, origin, 10'000);
  EXPECT_LE(one.sent<Gossip>().size(), 27u);
  EXPECT_GE(one.sent<Gossip>().size(), 25u);
}

TEST(Pressure, AGraftOfASlowPeerIsAnsweredLater) {
  One one;
  one.meet({a, b});
  for (const std::uint64_t number : {1, 2}) one.pushes(a, number);
  one.tree.on_backlog(b, 300 << 10, one.now, one.out);
  one.out.clear();
  one.says(b, Graft{origin, {{2, 2}}});
  EXPECT_THAT(one.out, IsEmpty());
  one.tree.on_backlog(b, 0, one.now, one.out);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b));
  EXPECT_THAT(one.sent_to<Grafted>(), ElementsAre(b));
}

TEST(Pressure, AFullWindowSaysNotNowUntilThePeersHaveIt) {
  One one{small()};
  one.meet({a, b});
  std::uint64_t number = 0;
  while (one.tree.broadcast(payload_of(ours, number + 1, 1000), one.now, one.out)) ++number;
  EXPECT_EQ(number, 10u);
  EXPECT_EQ(one.tree.broadcast(payload_of(ours, 11, 1000), one.now, one.out).error(), NotNow::window_full);
  one.out.clear();
  one.announces(a, 1, 10, ours);
  EXPECT_THAT(one.all<MayBroadcast>(), IsEmpty());  // b has not
  one.announces(b, 1, 4, ours);
  EXPECT_THAT(one.all<MayBroadcast>(), SizeIs(1));
  EXPECT_EQ(one.tree.broadcast(payload_of(ours, 11, 1000), one.now, one.out), 11u);
}

TEST(Pressure, APeerThatTakesNothingDelaysByKeepForAndNoLonger) {
  One one{small()};
  one.meet({a});
  one.pushes(a, 1);
  one.wait(1s);  // so that no sweep comes at the moment we look at
  while (one.tree.broadcast(payload_of(ours, one.tree.next_number(), 1000), one.now, one.out)) {
  }
  one.out.clear();
  one.wait(29'999ms);
  EXPECT_THAT(one.all<MayBroadcast>(), IsEmpty());
  one.wait(1ms);
  EXPECT_THAT(one.all<MayBroadcast>(), SizeIs(1));
}

TEST(Pressure, APeerThatGoesDelaysNobody) {
  One one{small()};
  one.meet({a, b});
  while (one.tree.broadcast(payload_of(ours, one.tree.next_number(), 1000), one.now, one.out)) {
  }
  one.announces(a, 1, 10, ours);
  one.out.clear();
  one.tree.on_peer_down(b, one.now, one.out);
  EXPECT_THAT(one.all<MayBroadcast>(), SizeIs(1));
}

TEST(Pressure, NothingIsTooLargeForTheWindowButWhatIsSaidToBe) {
  One one{small()};
  EXPECT_EQ(one.tree.broadcast(payload_of(ours, 1, 4001), one.now, one.out).error(), NotNow::too_large);
  EXPECT_TRUE(one.tree.broadcast(payload_of(ours, 1, 4000), one.now, one.out).has_value());
}

TEST(Pressure, ARelayTakesNoMoreThanItsNeighboursDoAndAsksForItLater) {
  One one{small()};
  one.meet({a, b});
  for (std::uint64_t number = 1; number <= 12; ++number) one.pushes(a, number, origin, 1000);
  EXPECT_THAT(one.delivered(), SizeIs(10));
  EXPECT_EQ(one.tree.counters().refused_no_room, 2u);
  EXPECT_EQ(*one.verifications, 10);
  EXPECT_THAT(one.sent_to<Prune>(), ElementsAre(a));  // announce it, do not push it
  one.announces(a, 1, 12);
  one.out.clear();
  one.wait(3s);
  EXPECT_THAT(one.sent_to<Graft>(), IsEmpty());
  one.announces(b, 1, 10);
  one.wait(1s);
  const auto sent = one.sent<Graft>();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{11, 12}));
}

TEST(Pressure, WhoSendsWhatWeHaveNoRoomForHasKeptItsPromise) {
  One one{small()};
  one.meet({a, b, c});
  for (std::uint64_t number = 1; number <= 8; ++number) one.pushes(a, number, origin, 1000);
  one.announces(b, 1, 9);
  int grafts = 0;
  for (int i = 0; i < 300; ++i) {
    one.wait(100ms);
    const auto sent = one.sent_to<Graft>();
    one.out.clear();
    for (const PublicKey& to : sent) {
      ++grafts;
      one.pushes(to, 9, origin, 3000);
      one.says(to, Grafted{{origin, 1, 9}});
    }
    EXPECT_THAT(one.misdeeds(), IsEmpty());
  }
  EXPECT_GT(grafts, 5);
  EXPECT_LT(grafts, 30);
}

TEST(Pressure, WhoPrunesIsToldAgainWhatItMayHaveHadNoRoomFor) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.wait(1s);
  ASSERT_THAT(one.sent_to<Gossip>(), ElementsAre(b));
  one.out.clear();
  one.says(b, Prune{origin});
  one.wait(20ms);
  EXPECT_THAT(one.sent_to<IHave>(), ElementsAre(b));
}

TEST(Pressure, TheParentHearsNowAndThenThatWeHaveIt) {
  One one{small()};
  one.meet({a});
  for (std::uint64_t number = 1; number <= 8; ++number) {
    one.pushes(a, number, origin, 1000);
    one.wait(100ms);
  }
  const auto sent = one.sent<IHave>();
  ASSERT_THAT(sent, SizeIs(4));  // every second one is an eighth of ten
  EXPECT_THAT(sent.back().second.holdings, ElementsAre(Holding{origin, 1, 8}));
}

TEST(Pressure, WhatComesFirstDisplacesWhatComesLater) {
  One one{small()};
  one.meet({a});
  one.pushes(a, 1, origin, 1000);
  for (std::uint64_t number = 4; number <= 13; ++number)
    one.says(a, Gossip{origin, number, 1, payload_of(origin, number, 1000)});
  EXPECT_THAT(one.delivered(), ElementsAre(1));
  one.out.clear();
  one.pushes(a, 2, origin, 1000);
  one.pushes(a, 3, origin, 1000);
  EXPECT_THAT(one.delivered(), ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
}

TEST(Pressure, FarBehindIsNotDeaf) {
  One one{small()};
  one.meet({a});
  one.pushes(a, 1);
  one.wait(60s);
  one.pushes(a, 1'000'000'000);
  one.wait(1s);
  one.says(a, Grafted{{origin, 1'000'000'000, 1'000'000'000}});
  one.wait(8s);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 1'000'000'000));
  EXPECT_THAT(one.all<Gap>(), SizeIs(1));
}

TEST(Pressure, WhenAllTogetherIsTooMuchTheGreediestPays) {
  One one{small()};
  one.meet({a, b});
  const auto kept_of = [&](std::size_t daemon) {
    one.out.clear();
    one.says(b, Graft{{key_of(daemon), 1}, {{1, 20}}});
    return one.sent<Gossip>().size();
  };
  const auto push = [&](std::size_t daemon, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t number = from; number <= to; ++number) one.pushes(a, number, {key_of(daemon), 1}, 1000);
  };
  push(60, 1, 10);
  for (const std::size_t modest : {61, 62, 63}) push(modest, 1, 7);
  push(64, 1, 9);  // 40 of the 40 that there is room for
  EXPECT_EQ(one.tree.counters().evicted_early, 0u);
  push(64, 10, 10);
  EXPECT_LE(one.tree.usage().kept_bytes, small().kept_bytes_max);
  EXPECT_EQ(kept_of(60), 5u);
  EXPECT_EQ(kept_of(64), 5u);
  for (const std::size_t modest : {61, 62, 63}) EXPECT_EQ(kept_of(modest), 7u);
  EXPECT_EQ(one.tree.counters().evicted_early, 10u);
}

TEST(Pressure, OriginsHaveABound) {
  Config config;
  config.origins_max = 20;
  One one{config};
  one.meet({a});
  for (std::size_t i = 0; i < 50; ++i) one.pushes(a, 1, {key_of(200 + i), 1});
  EXPECT_EQ(one.tree.usage().origins, 20u);
  EXPECT_EQ(one.tree.counters().refused_origins, 31u);
  one.wait(40s);  // silent ones make place
  one.out.clear();
  one.pushes(a, 1, {key_of(300), 1});
  EXPECT_THAT(one.delivered(), ElementsAre(1));
  EXPECT_EQ(one.tree.usage().origins, 20u);
}

}  // namespace
}  // namespace bp2p::gossip::test
