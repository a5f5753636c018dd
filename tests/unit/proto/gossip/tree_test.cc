// The tree of one origin: pushing, pruning, announcing. Plumtree, SRDS 2007, section 3.
#include "tests/unit/proto/gossip/one.h"

namespace bp2p::gossip::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Tree, ANewOriginIsPushedToAllButTheSenderAndDelivered) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  EXPECT_THAT(one.sent_to<Gossip>(), UnorderedElementsAre(b, c));
  EXPECT_THAT(one.delivered(), ElementsAre(1));
}

TEST(Tree, OurOwnGoesToAllAndToUs) {
  One one;
  one.meet({a, b});
  EXPECT_EQ(one.tree.next_number(), 1u);
  EXPECT_EQ(one.tree.broadcast(payload_of(ours, 1), one.now, one.out), 1u);
  EXPECT_EQ(one.tree.next_number(), 2u);
  EXPECT_THAT(one.sent_to<Gossip>(), UnorderedElementsAre(a, b));
  EXPECT_THAT(one.delivered(), ElementsAre(1));
}

TEST(Tree, TheSecondDuplicateInARowPrunes) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.pushes(b, 1);
  EXPECT_THAT(one.sent_to<Prune>(), IsEmpty());
  one.pushes(a, 2);
  one.pushes(b, 2);
  EXPECT_THAT(one.sent_to<Prune>(), ElementsAre(b));
  one.out.clear();
  one.pushes(a, 3);
  EXPECT_THAT(one.sent_to<Gossip>(), IsEmpty());  // b is lazy at our end too
}

TEST(Tree, ADuplicateAfterSomethingNewIsTheFirstAgain) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.pushes(b, 1);
  one.pushes(b, 2);
  one.pushes(a, 2);
  one.pushes(a, 3);
  one.pushes(b, 3);
  EXPECT_THAT(one.sent_to<Prune>(), IsEmpty());
}

TEST(Tree, EachOriginHasItsOwn) {
  One one;
  one.meet({a, b, c});
  const OriginId other{key_of(51), 1};
  one.says(b, Prune{origin});
  for (const OriginId& of : {origin, other}) one.pushes(a, 1, of);
  one.says(b, Prune{origin});
  one.out.clear();
  one.pushes(a, 2, origin);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(c));
  one.pushes(a, 2, other);
  EXPECT_THAT(one.sent_to<Gossip>(), UnorderedElementsAre(c, b, c));
}

TEST(Tree, WhoIsPrunedHearsAnnouncementsInOneBatch) {
  One one;
  one.meet({a, b});
  const OriginId other{key_of(51), 1};
  for (const OriginId& of : {origin, other}) {
    one.pushes(a, 1, of);
    one.says(b, Prune{of});
  }
  one.wait(1s);
  one.out.clear();
  for (const std::uint64_t number : {2, 3}) {
    one.pushes(a, number, origin);
    one.pushes(a, number, other);
  }
  one.wait(19ms);
  EXPECT_THAT(one.sent_to<IHave>(), IsEmpty());
  one.wait(1ms);
  const auto sent = one.sent<IHave>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].first, b);
  EXPECT_THAT(sent[0].second.holdings, UnorderedElementsAre(Holding{origin, 1, 3}, Holding{other, 1, 3}));
  EXPECT_THAT(one.sent_to<Gossip>(), IsEmpty());
}

TEST(Tree, NobodyHearsTheSameTwice) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.says(b, Prune{origin});
  one.wait(1s);
  ASSERT_THAT(one.sent_to<IHave>(), ElementsAre(b));
  one.out.clear();
  one.says(c, Prune{origin});
  one.wait(1s);
  EXPECT_THAT(one.sent_to<IHave>(), ElementsAre(c));
}

TEST(Tree, WhoSaidThatItHasItHearsNothing) {
  One one;
  one.meet({a, b, c});
  one.pushes(a, 1);
  one.says(b, Prune{origin});
  one.wait(1s);
  one.out.clear();
  one.announces(b, 1, 3);
  one.announces(c, 1, 2);
  one.pushes(a, 2);
  one.wait(100ms);
  EXPECT_THAT(one.sent_to<IHave>(), IsEmpty());
  EXPECT_THAT(one.sent_to<Gossip>(), IsEmpty());
}

TEST(Tree, ALinkThatComesBackSaysWhatIsKept) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.pushes(a, 2);
  one.tree.on_peer_down(b, one.now, one.out);
  one.pushes(a, 3);
  one.out.clear();
  one.tree.on_peer_up(b, one.now, one.out);
  const auto summaries = one.sent<Summary>();
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_THAT(summaries[0].second.holdings, ElementsAre(Holding{origin, 1, 3}));
  EXPECT_TRUE(summaries[0].second.complete);
}

TEST(Tree, ThePushGoesOutBeforeWeDeliver) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  ASSERT_EQ(one.out.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Send>(one.out[0]));
  EXPECT_TRUE(std::holds_alternative<Deliver>(one.out[1]));
}

TEST(Tree, ANewLinkOfAPeerVoidsTheOldOne) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.says(b, Prune{origin});
  one.tree.on_peer_up(b, one.now, one.out);
  one.out.clear();
  one.pushes(a, 2);
  EXPECT_THAT(one.sent_to<Gossip>(), ElementsAre(b));
  EXPECT_EQ(one.tree.usage().peers, 2u);
}

TEST(Tree, ASummaryHasAsManyPagesAsItTakesAndNoSilentOrigin) {
  One one;
  one.meet({a});
  one.pushes(a, 1, {key_of(999), 1});
  one.wait(35s);
  for (std::size_t i = 0; i < 300; ++i) one.pushes(a, 1, {key_of(1000 + i), 1});
  one.out.clear();
  one.tree.on_peer_up(b, one.now, one.out);
  const auto pages = one.sent<Summary>();
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[0].second.holdings.size(), 256u);
  EXPECT_FALSE(pages[0].second.complete);
  EXPECT_EQ(pages[1].second.holdings.size(), 44u);
  EXPECT_TRUE(pages[1].second.complete);
}

TEST(Tree, ABatchOfAnnouncementsHasABound) {
  One one;
  one.meet({a, b});
  for (std::size_t i = 0; i < 300; ++i) {
    one.pushes(a, 1, {key_of(1000 + i), 1});
    one.says(b, Prune{{key_of(1000 + i), 1}});
  }
  one.wait(20ms);
  const auto sent = one.sent<IHave>();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].second.holdings.size(), 256u);
  EXPECT_EQ(sent[1].second.holdings.size(), 44u);
}

TEST(Tree, NothingIsKeptForEver) {
  One one;
  one.meet({a});
  one.pushes(a, 1);
  EXPECT_GT(one.tree.usage().kept_bytes, 0u);
  one.wait(35s);
  EXPECT_EQ(one.tree.usage().kept_bytes, 0u);
  EXPECT_EQ(one.tree.next_deadline(), never);
  one.out.clear();
  one.pushes(a, 1);
  EXPECT_THAT(one.delivered(), IsEmpty());  // but it was seen
}

}  // namespace
}  // namespace bp2p::gossip::test
