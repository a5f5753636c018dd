// Peers that lie or flood: bounded, counted, reported (I20, I22).
#include "tests/unit/proto/gossip/one.h"

namespace bp2p::gossip::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::uint64_t count(const One& one, Misdeed what) { return one.tree.counters().misdeeds[static_cast<std::size_t>(what)]; }

TEST(Hostile, AForgedPayloadGoesNoFurtherAndLeavesNothing) {
  One one;
  one.meet({a, b});
  one.says(a, Gossip{origin, 1, 1, payload_of(origin, 2)});
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::bad_payload));
  EXPECT_THAT(one.delivered(), IsEmpty());
  EXPECT_THAT(one.sent_to<Gossip>(), IsEmpty());
  EXPECT_EQ(one.tree.usage().origins, 1u);
  one.pushes(b, 1);
  EXPECT_THAT(one.delivered(), ElementsAre(1));
}

TEST(Hostile, DuplicatesCostNoVerification) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  for (int i = 0; i < 100; ++i) one.pushes(b, 1);
  EXPECT_EQ(*one.verifications, 1);
}

TEST(Hostile, DuplicatesInSpiteOfPrunesAreReported) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  for (int i = 0; i < 1'023; ++i) one.pushes(b, 1);
  EXPECT_THAT(one.misdeeds(), IsEmpty());
  EXPECT_LE(one.sent_to<Prune>().size(), 17u);  // no storm of ours
  one.pushes(b, 1);
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::duplicates));
}

TEST(Hostile, OursAreNotTakenFromOthersAndAreNotTheirFault) {  // another daemon may have our key
  One one;
  one.meet({a});
  one.pushes(a, 1, ours);
  one.announces(a, 1, 5, ours);
  EXPECT_THAT(one.misdeeds(), IsEmpty());
  EXPECT_EQ(one.tree.next_number(), 1u);
  EXPECT_EQ(one.tree.counters().delivered, 0u);
}

TEST(Hostile, AReportIsMadeOnceAMinute) {
  One one;
  one.meet({a});
  for (int i = 0; i < 1000; ++i) {
    one.says(a, Gossip{origin, 1, 1, payload_of(origin, 2)});
    one.wait(100ms);
  }
  EXPECT_EQ(count(one, Misdeed::bad_payload), 1000u);
  EXPECT_THAT(one.misdeeds(), SizeIs(2));
}

TEST(Hostile, AnnouncementsOfWhatDoesNotExistAreBounded) {
  One one;
  one.meet({a});
  for (std::size_t i = 0; i < 100; ++i) {
    IHave storm;
    for (std::size_t k = 0; k < holdings_per_message_max; ++k) storm.holdings.push_back({{key_of(1000 + i * 256 + k), 1}, 1, 9});
    one.says(a, storm);
  }
  EXPECT_EQ(one.tree.usage().unproven_origins, 4096u);
  EXPECT_THAT(one.misdeeds(), Contains(Misdeed::too_many_origins));
  EXPECT_THAT(one.misdeeds(), Contains(Misdeed::announcement_storm));
  one.wait(5s);
  EXPECT_LE(one.sent_to<Graft>().size(), 128u + 32 * 5 + 1);  // we make no storm of it
  one.tree.on_peer_down(a, one.now, one.out);
  one.wait(10s);
  EXPECT_EQ(one.tree.usage().unproven_origins, 0u);
  EXPECT_EQ(one.tree.next_deadline(), never);
}

TEST(Hostile, PromisesThatAreNotKeptEndBelief) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.announces(b, 1, 1'000);
  int grafts = 0;
  for (int i = 0; i < 1000; ++i) {
    one.wait(50ms);
    for (const auto& to : one.sent_to<Graft>()) {
      one.says(to, Grafted{{origin, 1, 1'000}});
      ++grafts;
    }
    std::erase_if(one.out, [](const Effect& e) { return std::holds_alternative<Send>(e); });
  }
  EXPECT_EQ(grafts, 3);
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::broken_promise));
  one.pushes(a, 2);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 2));
  one.announces(b, 1, 3);
  one.wait(400ms);
  one.pushes(a, 3);
  EXPECT_EQ(one.tree.graft_after(), 500ms);  // what it announces is not even noted
}

TEST(Hostile, PromisesThatMoveAreFollowedSlowly) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.announces(b, 1, number_max - 1);
  std::uint64_t first = 2;
  int grafts = 0;
  for (int i = 0; i < 6000; ++i) {
    one.wait(10ms);
    for (const auto& to : one.sent_to<Graft>()) {
      one.says(to, Grafted{{origin, ++first, number_max - 1}});
      ++grafts;
    }
    one.out.clear();
  }
  EXPECT_LE(grafts, 60);  // in a minute
}

TEST(Hostile, AGraftThatIsNeverAnsweredIsReportedAndStopsNobody) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.says(a, Gossip{origin, 3, 1, payload_of(origin, 3)});
  one.announces(b, 1, 2);
  one.wait(15s);
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::graft_unanswered));
  EXPECT_THAT(one.sent_to<Graft>(), ElementsAre(b));
  one.wait(40s);
  EXPECT_THAT(one.delivered(), ElementsAre(1, 3));
}

TEST(Hostile, GraftsAreAnsweredAtARate) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.out.clear();
  for (int i = 0; i < 10'000; ++i) {
    one.says(b, Graft{origin, {{1, 1}}});
    one.tree.on_backlog(b, 0, one.now, one.out);
  }
  EXPECT_EQ(one.tree.counters().grafts_answered, 256u);
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::graft_storm));
}

TEST(Hostile, PrunesAreHeardAtARate) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  for (int i = 0; i < 10'000; ++i) one.says(b, Prune{origin});
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::prune_storm));
  EXPECT_EQ(one.tree.counters().refused_rate, 10'000u - 4'096u);
}

TEST(Hostile, WhatCannotBeIsRefused) {
  One one;
  one.meet({a});
  const Payload fine = payload_of(origin, 1);
  IHave long_list;
  long_list.holdings.resize(holdings_per_message_max + 1, {origin, 1, 1});
  Graft many{origin, {}};
  for (std::uint64_t n = 1; n < 40; n += 2) many.ranges.push_back({n, n});
  const std::vector<Message> odd{
      Gossip{origin, 0, 0, fine},
      Gossip{origin, number_max, 0, fine},
      Gossip{origin, 1, number_max, fine},
      Gossip{origin, 1, 1, nullptr},
      long_list,
      IHave{{{origin, 0, 5}}},
      IHave{{{origin, 7, 5}}},
      IHave{{{origin, 1, ~std::uint64_t{0}}}},
      Graft{origin, {}},
      many,
      Graft{origin, {{0, 1}}},
      Graft{origin, {{5, 4}}},
      Graft{origin, {{4, 5}, {5, 6}}},
      Graft{origin, {{4, ~std::uint64_t{0}}}},
      Grafted{{origin, 9, 3}},
  };
  for (std::size_t i = 0; i < odd.size(); ++i) {
    one.says(a, odd[i]);
    EXPECT_EQ(count(one, Misdeed::malformed), i + 1);
  }
  EXPECT_THAT(one.sent<Grafted>(), IsEmpty());
  EXPECT_EQ(one.tree.usage().origins, 1u);
  one.pushes(a, 1, origin, (512 << 10) + 1);
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::malformed, Misdeed::oversized));
}

TEST(Hostile, AnAnswerThatNobodyAskedForIsReported) {
  One one;
  one.meet({a});
  one.pushes(a, 1);
  one.says(a, Grafted{{origin, 1, 1}});
  EXPECT_THAT(one.misdeeds(), ElementsAre(Misdeed::unasked_answer));
}

TEST(Hostile, WhoIsNoPeerIsNotHeard) {
  One one;
  one.meet({a});
  one.pushes(b, 1);
  EXPECT_THAT(one.out, IsEmpty());
}

TEST(Hostile, AllOfAllNumbersCanBeAskedForAtOnce) {
  One one;
  one.meet({a, b});
  one.pushes(a, 1);
  one.says(a, Gossip{origin, 1'000'000'000'000, 1, payload_of(origin, 1'000'000'000'000)});
  one.out.clear();
  one.says(b, Graft{origin, {{1, number_max - 1}}});
  EXPECT_THAT(one.sent<Gossip>(), SizeIs(2));
}

}  // namespace
}  // namespace bp2p::gossip::test
