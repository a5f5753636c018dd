// What an application is given: once, in the origin's order, and what the promise is where there is a gap (plumtree.h).
#include "tests/unit/proto/gossip/one.h"

namespace bp2p::gossip::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Order, WhatComesBeforeItsTurnIsPushedAtOnceAndDeliveredInTurn) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.out.clear();
  one.says(a, Gossip{origin, 3, 1, payload_of(origin, 3)});
  EXPECT_THAT(one.delivered(), IsEmpty());
  const auto pushed = one.sent<Gossip>();
  ASSERT_THAT(pushed, SizeIs(1));
  EXPECT_EQ(pushed[0].second.number, 3u);
  EXPECT_EQ(pushed[0].second.contiguous, 1u);
  one.pushes(b, 2);
  EXPECT_THAT(one.delivered(), ElementsAre(2, 3));
}

TEST(Order, WhatCannotBeDeliveredYetIsShown) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  EXPECT_THAT(one.all<Ahead>(), IsEmpty());
  one.pushes(a, 3);
  ASSERT_THAT(one.all<Ahead>(), SizeIs(1));
  EXPECT_EQ(*one.all<Ahead>()[0].payload, *payload_of(origin, 3));
  one.pushes(b, 3);  // once
  one.pushes(a, 2);
  EXPECT_THAT(one.all<Ahead>(), SizeIs(1));
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2, 3));
}

TEST(Order, AHoleIsGraftedFromWhoeverHasIt) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.says(a, Gossip{origin, 4, 1, payload_of(origin, 4)});
  one.says(b, Gossip{origin, 4, 4, payload_of(origin, 4)});  // b has what we lack
  one.wait(500ms);
  const auto sent = one.sent<Graft>();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].first, b);
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{2, 3}));
}

TEST(Order, NothingIsDeliveredTwice) {
  One one;
  one.meet({a, b});
  for (int times = 0; times < 3; ++times)
    for (const std::uint64_t number : {2, 1, 3}) {
      one.pushes(a, number);
      one.pushes(b, number);
    }
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2, 3));
}

TEST(Order, WhatNobodyKeepsIsPassedOverAndSaid) {
  One one;
  one.meet({a});
  one.pushes(a, 1);
  one.tree.on_peer_down(a, one.now, one.out);
  one.wait(60s);
  one.tree.on_peer_up(a, one.now, one.out);
  one.says(a, Summary{{{origin, 8, 9}}});
  one.out.clear();
  one.wait(500ms);
  const auto sent = one.sent<Graft>();  // first what it does keep
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{8, 9}));
  one.pushes(a, 8);
  one.pushes(a, 9);
  one.says(a, Grafted{{origin, 8, 9}});
  one.wait(4s);
  EXPECT_THAT(one.delivered(), IsEmpty());
  one.wait(3s);
  ASSERT_THAT(one.all<Gap>(), SizeIs(1));
  EXPECT_EQ(one.all<Gap>()[0].from, 2u);
  EXPECT_EQ(one.all<Gap>()[0].to, 7u);
  EXPECT_THAT(one.delivered(), ElementsAre(8, 9));
  one.pushes(a, 10);
  EXPECT_THAT(one.delivered(), ElementsAre(8, 9, 10));
}

TEST(Order, AHoleThatAPeerCanFillIsNeverPassedOver) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.says(a, Gossip{origin, 3, 1, payload_of(origin, 3)});
  one.announces(b, 1, 3);
  one.announces(c, 3, 3);
  one.wait(9s);  // b is asked and slow; c has let go of it
  EXPECT_THAT(one.all<Gap>(), IsEmpty());
  one.pushes(b, 2);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2, 3));
}

TEST(Order, AHoleThatEveryoneHasIsWaitedForAsLongAsAnybodyWouldKeepIt) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.says(a, Gossip{origin, 3, 1, payload_of(origin, 3)});
  one.wait(29s);
  EXPECT_THAT(one.all<Gap>(), IsEmpty());
  one.wait(3s);
  EXPECT_THAT(one.all<Gap>(), SizeIs(1));
  EXPECT_THAT(one.delivered(), ElementsAre(1, 3));
}

TEST(Order, AnnouncementsAloneNeverMakeAGap) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.announces(b, 1'000'000, 2'000'000);
  one.wait(200s);
  EXPECT_THAT(one.all<Gap>(), IsEmpty());
  one.pushes(a, 2);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2));
}

TEST(Order, ANewcomerBeginsWhereItsFirstPeerStands) {
  One one;
  one.tree.on_peer_up(a, one.now, one.out);
  one.says(a, Summary{{{origin, 5, 57}}});
  one.tree.on_peer_up(b, one.now, one.out);
  one.says(b, Summary{{{origin, 1, 58}}});
  one.pushes(a, 58);
  one.wait(5s);
  EXPECT_THAT(one.delivered(), ElementsAre(58));
  EXPECT_THAT(one.sent_to<Graft>(), IsEmpty());
}

/// Both are new, and the one had broadcast when it had nobody yet.
TEST(Order, WhatTheFirstPeerHasSaidSinceItBeganIsNoHistory) {
  One one;
  const OriginId of_a{a, 1};
  one.tree.on_peer_up(a, one.now, one.out);
  one.says(a, Summary{{{of_a, 1, 2}, {origin, 1, 9}}});
  one.pushes(a, 3, of_a);
  one.wait(500ms);
  const auto sent = one.sent<Graft>();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].second.origin, of_a);
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{1, 2}));
}

TEST(Order, ANewcomerIsOneUntilASummaryIsComplete) {
  One one;
  one.tree.on_peer_up(a, one.now, one.out);
  one.says(a, Summary{{{origin, 5, 57}}, false});
  const OriginId other{key_of(51), 1};
  one.says(a, Summary{{{other, 5, 57}}, true});
  one.wait(5s);
  EXPECT_THAT(one.sent_to<Graft>(), IsEmpty());
}

TEST(Order, ANewcomerGetsAllOfWhatBeganSince) {
  One one;
  one.meet({a});
  one.tree.on_peer_up(b, one.now, one.out);
  one.says(b, Summary{{{origin, 1, 3}}});  // a did not know of it when we came: it is new
  one.wait(500ms);
  const auto sent = one.sent<Graft>();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{1, 3}));
}

TEST(Order, AnOriginThatWasSilentBeginsWithWhatIsKeptOfIt) {
  One one;
  one.meet({a, b});
  one.pushes(a, 9);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b));  // that does not wait
  EXPECT_THAT(one.delivered(), IsEmpty());
  one.wait(500ms);
  const auto sent = one.sent<Graft>();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{1, 8}));
  one.pushes(a, 8);
  one.says(a, Grafted{{origin, 8, 9}});
  one.wait(1ms);
  EXPECT_THAT(one.delivered(), ElementsAre(8, 9));
  EXPECT_THAT(one.all<Gap>(), IsEmpty());  // it never had them
}

TEST(Order, AnOriginThatBeganJustNowIsWaitedFor) {
  One one;
  one.meet({a, b});
  one.says(a, Gossip{origin, 2, 0, payload_of(origin, 2)});  // 1 has not reached a either
  one.wait(20s);
  EXPECT_THAT(one.delivered(), IsEmpty());
  one.pushes(a, 1);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2));
}

TEST(Order, ALieAboutTheBeginningIsForgottenWithTheFirstPayload) {
  One one;
  one.tree.on_peer_up(a, one.now, one.out);
  one.says(a, Summary{{{origin, 1, number_max - 1}}});
  one.tree.on_peer_up(b, one.now, one.out);
  one.pushes(b, 12);
  one.pushes(b, 13);
  EXPECT_THAT(one.delivered(), ElementsAre(12, 13));
}

TEST(Order, WhatWasTrueOfItIsFetched) {  // the first payload was an older one, on its way to us by another peer
  One one;
  one.tree.on_peer_up(a, one.now, one.out);
  one.says(a, Summary{{{origin, 1, 4}}});
  one.meet({b});
  one.says(b, Gossip{origin, 3, 3, payload_of(origin, 3)});
  one.wait(500ms);
  EXPECT_THAT(one.sent_to<Graft>(), ElementsAre(a));
  one.pushes(a, 4);
  EXPECT_THAT(one.delivered(), ElementsAre(3, 4));
}

TEST(Order, ANewEpochEndsTheOneBefore) {
  One one;
  one.meet({a, b});
  const OriginId next{origin.key, origin.epoch + 1};
  one.pushes(a, 1);
  one.says(a, Gossip{origin, 3, 1, payload_of(origin, 3)});
  one.pushes(a, 1, next);
  one.pushes(b, 2);  // of the old one
  one.pushes(b, 4);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 1));
  EXPECT_EQ(one.tree.counters().stale, 2u);
  EXPECT_EQ(one.tree.usage().origins, 2u);  // this and ours
}

TEST(Order, AnAnnouncedEpochEndsNothing) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.announces(b, 1, 5, {origin.key, ~std::uint64_t{0}});
  one.wait(1s);
  one.pushes(a, 2);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2));
}

TEST(Order, AnEpochThatHasEndedStaysEndedWhateverIsAnnounced) {
  One one;
  one.meet({a, b});
  const OriginId next{origin.key, origin.epoch + 1};
  one.announces(b, 1, 5, {origin.key, origin.epoch + 9});
  one.pushes(a, 1, next);
  one.announces(b, 1, 5, {origin.key, origin.epoch + 5});
  one.pushes(a, 1);
  one.pushes(a, 2, next);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2));
  EXPECT_EQ(one.tree.counters().stale, 1u);
}

TEST(Order, AForgedEpochEndsNothing) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  const OriginId forged{origin.key, 99};
  one.says(b, Gossip{forged, 1, 1, payload_of(origin, 1)});
  one.pushes(a, 2);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2));
}

TEST(Order, AnOriginThatIsGoneLeavesNothingButHowFarItWas) {
  One one;
  one.meet({a});
  for (const std::uint64_t number : {1, 2, 3}) one.pushes(a, number);
  one.tree.on_origin_gone(origin.key);
  EXPECT_EQ(one.tree.usage().origins, 1u);
  EXPECT_EQ(one.tree.usage().kept_bytes, 0u);
  one.out.clear();
  for (const std::uint64_t number : {1, 2, 3}) one.pushes(a, number);  // a replay
  EXPECT_THAT(one.delivered(), IsEmpty());
  one.pushes(a, 4);  // it was not dead
  EXPECT_THAT(one.delivered(), ElementsAre(4));
}

TEST(Order, AnOriginThatIsGoneBeforeAnythingWasDeliveredLeavesNoGap) {
  One one;
  one.meet({a});
  one.says(a, Gossip{origin, 4, 0, payload_of(origin, 4)});  // it waits for 1 to 3
  one.tree.on_origin_gone(origin.key);
  one.says(a, Gossip{origin, 5, 0, payload_of(origin, 5)});
  one.wait(60s);
  EXPECT_THAT(one.delivered(), ElementsAre(5));
  EXPECT_THAT(one.all<Gap>(), IsEmpty());
}

TEST(Order, AnOriginThatIsGoneDoesNotComeBackOlder) {
  One one;
  one.meet({a});
  one.pushes(a, 1);
  one.tree.on_origin_gone(origin.key);
  one.out.clear();
  one.pushes(a, 1, {origin.key, origin.epoch - 1});
  EXPECT_THAT(one.delivered(), IsEmpty());
  one.pushes(a, 1, {origin.key, origin.epoch + 1});
  EXPECT_THAT(one.delivered(), ElementsAre(1));
}

TEST(Order, WeAreNeverGone) {
  One one;
  one.meet({a});
  one.tree.on_origin_gone(us);
  EXPECT_EQ(one.tree.broadcast(payload_of(ours, 1), one.now, one.out), 1u);
}

TEST(Order, WhoIsGoneIsRememberedWithinABound) {
  Config config;
  config.gone_max = 10;
  One one{config};
  one.meet({a});
  for (std::size_t i = 0; i < 50; ++i) {
    one.pushes(a, 1, {key_of(200 + i), 1});
    one.tree.on_origin_gone(key_of(200 + i));
  }
  EXPECT_EQ(one.tree.usage().gone, 10u);
}

}  // namespace
}  // namespace bp2p::gossip::test
