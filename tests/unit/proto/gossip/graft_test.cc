// What is announced and does not come: timers, sources, answers. Plumtree, SRDS 2007, section 3.
#include "tests/unit/proto/gossip/one.h"

namespace bp2p::gossip::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Graft, WhatIsAnnouncedAndDoesNotComeIsGrafted) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.out.clear();
  one.announces(b, 1, 3);
  one.wait(499ms);
  EXPECT_THAT(one.sent_to<Graft>(), IsEmpty());
  one.wait(1ms);
  const auto sent = one.sent<Graft>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].first, b);
  EXPECT_THAT(sent[0].second.ranges, ElementsAre(Range{2, 3}));
}

TEST(Graft, WhatComesInTimeIsNotGrafted) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  for (std::uint64_t number = 2; number < 100; ++number) {  // always announced before it comes
    one.announces(b, 1, number);
    one.wait(100ms);
    one.pushes(a, number);
  }
  EXPECT_THAT(one.sent_to<Graft>(), IsEmpty());
}

TEST(Graft, AnOriginNeverMetIsGraftedToo) {
  One one;
  one.meet({a});
  one.announces(a, 4, 6);
  one.wait(500ms);
  EXPECT_THAT(one.sent_to<Graft>(), ElementsAre(a));
  for (const std::uint64_t number : {4, 5, 6}) one.pushes(a, number);
  EXPECT_THAT(one.delivered(), IsEmpty());
  one.says(a, Grafted{{origin, 4, 6}});  // and no more
  one.wait(1ms);
  EXPECT_THAT(one.delivered(), ElementsAre(4, 5, 6));
}

TEST(Graft, ASecondSourceIsAskedByASecondTimer) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.announces(b, 1, 2);
  one.announces(c, 1, 2);
  one.wait(749ms);
  EXPECT_EQ(one.sent_to<Graft>().size(), 1u);
  one.wait(251ms);
  EXPECT_THAT(one.sent_to<Graft>(), UnorderedElementsAre(b, c));
  one.wait(5s);  // and nobody twice before it has answered
  EXPECT_EQ(one.sent_to<Graft>().size(), 2u);
}

TEST(Graft, TheSecondSourceIsAskedAtOnceWhenTheFirstGoes) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.announces(b, 1, 2);
  one.announces(c, 1, 2);
  one.wait(500ms);
  const auto first = one.sent_to<Graft>();
  ASSERT_EQ(first.size(), 1u);
  one.out.clear();
  one.tree.on_peer_down(first[0], one.now, one.out);
  one.wait(0ms);
  EXPECT_THAT(one.sent_to<Graft>(), ElementsAre(first[0] == b ? c : b));
}

TEST(Graft, TheSecondSourceIsAskedWhenTheFirstNoLongerKeepsIt) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.announces(b, 1, 2);
  one.announces(c, 1, 2);
  one.wait(500ms);
  const auto first = one.sent_to<Graft>();
  ASSERT_EQ(first.size(), 1u);
  one.out.clear();
  one.says(first[0], Grafted{{origin, 3, 2}});
  one.wait(1ms);
  EXPECT_THAT(one.sent_to<Graft>(), ElementsAre(first[0] == b ? c : b));
}

// All were started anew while the origin was silent: nobody keeps what it said before.
TEST(Graft, WhatNobodyKeepsIsAskedOfEachWithoutWaiting) {
  One one;
  const auto peers = {a, b, c, d, key_of(5)};
  one.meet(peers);
  for (const PublicKey& peer : peers) one.says(peer, Gossip{origin, 7, 6, payload_of(origin, 7)});
  one.wait(500ms);
  std::size_t asked = 0;
  for (int i = 0; i < 100 && one.delivered().empty(); ++i) {
    const auto grafts = one.sent_to<Graft>();
    std::erase_if(one.out, [](const Effect& e) { return std::holds_alternative<Send>(e); });
    asked += grafts.size();
    for (const PublicKey& to : grafts) one.says(to, Grafted{{origin, 7, 7}});
    one.wait(1ms);
  }
  EXPECT_EQ(asked, 5u);
  EXPECT_THAT(one.delivered(), ElementsAre(7));
}

TEST(Graft, TheTimerIsThreeTimesTheSpreadSeen) {
  One one;
  one.meet({a, b});
  EXPECT_EQ(one.tree.graft_after(), 500ms);  // never below
  one.pushes(a, 1);
  for (std::uint64_t number = 2; number < 30; ++number) {
    one.announces(b, 1, number);
    one.wait(400ms);
    one.pushes(a, number);
  }
  EXPECT_GE(one.tree.graft_after(), 1200ms);
  EXPECT_LE(one.tree.graft_after(), 1500ms);
  one.announces(b, 1, 30);
  one.wait(1200ms);
  EXPECT_THAT(one.sent_to<Graft>(), IsEmpty());
  one.wait(400ms);
  EXPECT_THAT(one.sent_to<Graft>(), ElementsAre(b));
}

TEST(Graft, TheTimerHasAnEnd) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.wait(25s);
  one.pushes(b, 1);  // on purpose, perhaps
  EXPECT_EQ(one.tree.graft_after(), 4s);
}

TEST(Graft, WhatHadToBeGraftedDoesNotStretchTheTimer) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.announces(b, 1, 2);
  one.wait(600ms);
  ASSERT_THAT(one.sent_to<Graft>(), ElementsAre(b));
  one.pushes(b, 2);
  EXPECT_EQ(one.tree.graft_after(), 500ms);
}

TEST(Graft, GraftIsAnsweredAndMakesEager) {
  One one;
  one.meet({a, b});
  for (const std::uint64_t number : {1, 2, 3, 4}) one.pushes(a, number);
  one.says(b, Prune{origin});
  one.out.clear();
  one.says(b, Graft{origin, {{2, 2}, {4, 9}}});
  std::vector<std::uint64_t> numbers;
  for (const auto& [to, gossip] : one.sent<Gossip>()) numbers.push_back(gossip.number);
  EXPECT_THAT(numbers, ElementsAre(2, 4));
  ASSERT_EQ(one.sent<Grafted>().size(), 1u);
  EXPECT_EQ(one.sent<Grafted>()[0].second.holding, (Holding{origin, 1, 4}));
  one.out.clear();
  one.pushes(a, 5);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b));
}

TEST(Graft, ALongAnswerIsCutAndAskedForAgain) {
  Config config;
  config.answer_bytes_max = 1000;
  One one{config};
  one.meet({a, b});
  for (std::uint64_t number = 1; number <= 20; ++number) one.pushes(a, number);
  one.out.clear();
  one.says(b, Graft{origin, {{1, 20}}});
  EXPECT_EQ(one.sent<Gossip>().size(), 3u);

  One other{config};
  other.meet({a});
  other.announces(a, 1, 20);
  other.wait(500ms);
  for (const std::uint64_t number : {1, 2, 3}) other.pushes(a, number);
  other.out.clear();
  other.says(a, Grafted{{origin, 1, 20}});
  other.wait(0ms);
  const auto again = other.sent<Graft>();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_THAT(again[0].second.ranges, ElementsAre(Range{4, 20}));
}

TEST(Graft, ALinkThatRepairsTheTreeIsPartOfIt) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.says(b, Prune{origin});
  one.announces(b, 1, 2);
  one.wait(500ms);
  ASSERT_THAT(one.sent_to<Graft>(), ElementsAre(b));
  one.pushes(b, 2);
  one.says(b, Grafted{{origin, 1, 2}});
  one.out.clear();
  one.pushes(a, 3);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b));
}

TEST(Graft, WhileAnAnswerComesInNobodyElseIsAsked) {
  One one;
  one.meet({a, b});
  one.announces(a, 1, 40);
  one.announces(b, 1, 40);
  one.wait(500ms);
  const auto first = one.sent_to<Graft>();
  ASSERT_EQ(first.size(), 1u);
  for (std::uint64_t number = 1; number <= 40; ++number) {
    one.pushes(first[0], number);
    one.wait(200ms);
  }
  EXPECT_EQ(one.sent_to<Graft>().size(), 1u);
}

TEST(Graft, WhoIsAskedAndIsLateIsNotPruned) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.announces(b, 1, 3);
  one.wait(500ms);
  ASSERT_THAT(one.sent_to<Graft>(), ElementsAre(b));
  one.pushes(c, 2);
  one.pushes(c, 3);
  one.pushes(b, 2);
  one.pushes(b, 3);
  EXPECT_THAT(one.sent_to<Prune>(), IsEmpty());
}

}  // namespace
}  // namespace bp2p::gossip::test
