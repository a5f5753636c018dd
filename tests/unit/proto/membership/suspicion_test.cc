// One daemon of a cluster of N, its neighbours' words in, its verdicts out.
#include "proto/membership/suspicion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/unit/proto/membership/world.h"

namespace bp2p::membership {
namespace {

using Status = Suspicions::Status;

/// Daemon 0, which knows members 1 to `count - 1`.
struct Judge {
  explicit Judge(Index count, Config c = quiet()) : config(c), self(config, key(0), 1, Rng{7}, now) {
    for (Index i = 1; i < count; ++i) meets(i);
    out.clear();
  }
  /// Members are not tried at random.
  static Config quiet() {
    Config config;
    config.look_every = 1000h;
    return config;
  }

  static PublicKey key(Index i) { return make_contact(i)->key; }
  void meets(Index i, std::uint64_t epoch = 1) { self.on_member(*make_contact(i, epoch), now, out); }
  void hears_accused(Index suspect, Index by, Life life = {1, 0}) {
    self.on_suspicion(key(by), Suspicion{key(suspect), life}, now, out);
  }
  void hears_alive(Index i, Life life) { self.on_alive(key(i), Alive{life}, now, out); }
  void hears_leaving(Index i, Life life = {1, 0}) { self.on_leaving(key(i), Leaving{life}, now, out); }
  void loses(Index i) {
    self.on_neighbour_lost(key(i), now, out);
    self.on_probe_failed(key(i), now, out);
  }
  void waits(Duration duration) {
    const TimePoint end = now + duration;
    while (self.next_deadline() <= end) {
      now = std::max(now, self.next_deadline());
      self.on_time(now, out);
    }
    now = end;
  }
  /// Stopped: nothing is looked at in between.
  void is_paused(Duration duration) {
    now += duration;
    self.on_time(now, out);
  }

  Status status(Index i) const { return self.status(key(i)).value(); }
  Duration time_with(std::size_t witnesses) const { return self.suspicion_time(witnesses); }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const LifeEffect& effect : out)
      if (const auto* each = std::get_if<T>(&effect)) found.push_back(*each);
    return found;
  }
  template <class T>
  std::vector<T> said() const {
    std::vector<T> found;
    for (const Broadcast& each : all<Broadcast>())
      if (const auto* message = std::get_if<T>(&each.message)) found.push_back(*message);
    return found;
  }
  /// "+2 -2 +2": who came and went.
  std::string ups_and_downs() const {
    std::string text;
    for (const LifeEffect& effect : out) {
      if (const auto* up = std::get_if<MemberUp>(&effect)) text += " +" + std::to_string(index_of(up->key));
      if (const auto* down = std::get_if<MemberDown>(&effect))
        text += (down->how == Gone::left ? " left " : " -") + std::to_string(index_of(down->key));
    }
    return text.empty() ? text : text.substr(1);
  }

  Config config;
  TimePoint now{1h};
  Suspicions self;
  LifeEffects out;
};

// --- from a lost link to a death

TEST(Suspicion, ALostLinkIsNoDeathItIsTriedAgain) {
  Judge judge{10};
  judge.self.on_neighbour_lost(Judge::key(3), judge.now, judge.out);
  ASSERT_EQ(judge.all<Probe>().size(), 1u);
  judge.self.on_probe_ok(Judge::key(3), judge.now, judge.out);
  judge.waits(1h);
  EXPECT_EQ(judge.status(3), Status::alive);
  EXPECT_TRUE(judge.said<Suspicion>().empty());
}

TEST(Suspicion, OneThatCannotBeReachedAgainIsSuspectedForAllToHear) {
  Judge judge{10};
  judge.meets(3, 4);
  judge.loses(3);
  ASSERT_EQ(judge.said<Suspicion>().size(), 1u);
  EXPECT_EQ(judge.said<Suspicion>()[0].suspect, Judge::key(3));
  EXPECT_EQ(judge.said<Suspicion>()[0].life, (Life{4, 0}));
  EXPECT_EQ(judge.status(3), Status::suspected);
}

TEST(Suspicion, UnrefutedForTheSuspicionTimeItIsDown) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.waits(judge.time_with(1) - 1ms);
  EXPECT_EQ(judge.status(3), Status::suspected);
  judge.waits(1ms);
  EXPECT_EQ(judge.status(3), Status::down);
  EXPECT_EQ(judge.ups_and_downs(), "-3");
  EXPECT_EQ(judge.self.living(), 9u);
}

TEST(Suspicion, ARefutationWins) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.waits(judge.time_with(1) - 1ms);
  judge.hears_alive(3, {1, 1});
  judge.waits(1h);
  EXPECT_EQ(judge.status(3), Status::alive);
  EXPECT_EQ(judge.ups_and_downs(), "");
  EXPECT_EQ(judge.all<Cleared>().size(), 1u);
}

TEST(Suspicion, ARefutationThatComesBeforeTheSuspicionWinsToo) {
  Judge judge{10};
  judge.hears_alive(3, {1, 1});
  judge.hears_accused(3, 4);
  EXPECT_EQ(judge.status(3), Status::alive);
  EXPECT_EQ(judge.self.counters().stale, 1u);
}

TEST(Suspicion, WhatWasRefutedCanBeSuspectedAgain) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.hears_alive(3, {1, 1});
  judge.hears_accused(3, 4, {1, 1});
  judge.waits(judge.time_with(1));
  EXPECT_EQ(judge.status(3), Status::down);
}

TEST(Suspicion, OfALaterLifeThanWeHaveHeardOfItCountsAsWell) {  // its Alive is another origin's, and may come later
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.waits(judge.time_with(1) / 2);
  judge.hears_accused(3, 5, {1, 1});
  judge.hears_alive(3, {1, 1});
  judge.waits(judge.time_with(1) - 1ms);
  EXPECT_EQ(judge.status(3), Status::suspected) << "a new suspicion has a time of its own";
  judge.waits(1ms);
  EXPECT_EQ(judge.status(3), Status::down);
}

TEST(Suspicion, NoLiarKeepsTheDeadAliveByClaimingLaterLives) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  for (std::uint64_t second = 1; second < 30; ++second) {
    judge.waits(1s);
    judge.hears_accused(3, 5, {1, second});
  }
  judge.waits(1s);
  EXPECT_EQ(judge.status(3), Status::down);
}

TEST(Suspicion, NorKillsAlone) {
  Judge judge{10};
  for (std::uint64_t second = 0; second < 16; ++second) judge.hears_accused(3, 5, {1, second});
  judge.waits(judge.time_with(1) - 1ms);
  judge.hears_alive(3, {1, 16});
  judge.waits(1h);
  EXPECT_EQ(judge.ups_and_downs(), "");
}

TEST(Suspicion, OfManyWitnessesThoseOfTheLatestLifeAreKept) {
  Judge judge{10};
  for (const Index witness : {4, 5, 6, 7}) judge.hears_accused(3, witness);
  judge.hears_accused(3, 8, {1, 1});
  judge.hears_alive(3, {1, 1});
  EXPECT_EQ(judge.status(3), Status::suspected);
  judge.hears_alive(3, {1, 2});
  EXPECT_EQ(judge.status(3), Status::alive);
}

TEST(Suspicion, DownItComesBackByAWordLaterThanAnyThatWasSuspected) {  // the others may have heard it before that
  Judge judge{10};
  judge.hears_accused(3, 4, {1, 1});
  judge.waits(judge.time_with(1));
  judge.hears_alive(3, {1, 1});
  EXPECT_EQ(judge.status(3), Status::down);
  judge.hears_alive(3, {1, 2});
  EXPECT_EQ(judge.status(3), Status::alive);
}

TEST(Suspicion, ADirectLinkClearsItHereAndTheOthersHearItFromTheSuspect) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.self.on_link_up(Judge::key(3), judge.now, judge.out);
  EXPECT_EQ(judge.status(3), Status::alive);
  ASSERT_EQ(judge.all<Tell>().size(), 1u);
  EXPECT_EQ(judge.all<Tell>()[0].message.life, (Life{1, 0}));
}

TEST(Suspicion, AProbeThatFailsAfterALinkCameUpSaysNothing) {
  Judge judge{10};
  judge.self.on_neighbour_lost(Judge::key(3), judge.now, judge.out);
  judge.self.on_link_up(Judge::key(3), judge.now, judge.out);
  judge.self.on_probe_failed(Judge::key(3), judge.now, judge.out);
  EXPECT_EQ(judge.status(3), Status::alive);
}

// --- how long it takes

TEST(Suspicion, FurtherWitnessesShortenTheTimeEachByLess) {
  Judge judge{10};
  EXPECT_EQ(judge.time_with(1), 30s);
  EXPECT_EQ(judge.time_with(2), 17500ms);  // log 2 / log 4 is a half
  EXPECT_EQ(judge.time_with(3), 10188ms);
  EXPECT_EQ(judge.time_with(4), 5s);
  EXPECT_EQ(judge.time_with(5), 5s);
}

TEST(Suspicion, TheTimeGrowsWithTheLogarithmOfTheMembers) {
  EXPECT_EQ(Judge{1000}.time_with(4), 15s);
  EXPECT_EQ(Judge{10000}.time_with(1), 120s);
}

TEST(Suspicion, InASmallClusterNobodyWaitsForWitnessesThatThereAreNot) {
  EXPECT_EQ(Judge{2}.time_with(1), 5s);
  EXPECT_EQ(Judge{3}.time_with(1), 30s);
  EXPECT_EQ(Judge{3}.time_with(2), 5s);
}

TEST(Suspicion, ASecondWitnessShortensWhatIsUnderWay) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.waits(10s);
  judge.hears_accused(3, 5);
  judge.waits(7499ms);
  EXPECT_EQ(judge.status(3), Status::suspected);
  judge.waits(1ms);
  EXPECT_EQ(judge.status(3), Status::down);
}

TEST(Suspicion, TheSameWitnessTwiceIsOne) {
  Judge judge{10};
  for (int i = 0; i < 4; ++i) judge.hears_accused(3, 4);
  judge.waits(judge.time_with(1) - 1ms);
  EXPECT_EQ(judge.status(3), Status::suspected);
}

TEST(Suspicion, AsAWitnessAmongEnoughWeSayNothing) {
  Judge judge{10};
  for (const Index witness : {4, 5, 6, 7}) judge.hears_accused(3, witness);
  judge.loses(3);
  EXPECT_TRUE(judge.said<Suspicion>().empty());
}

// --- ourselves

TEST(Suspicion, SuspectedWeRefuteWithAHigherIncarnation) {
  Judge judge{10};
  judge.hears_accused(0, 4);
  ASSERT_EQ(judge.said<Alive>().size(), 1u);
  EXPECT_EQ(judge.said<Alive>()[0].life, (Life{1, 1}));
  EXPECT_EQ(judge.all<Suspected>().size(), 1u);
}

TEST(Suspicion, TheOtherWitnessesOfTheSameAreAnsweredByThat) {
  Judge judge{10};
  for (const Index witness : {4, 5, 6, 7}) judge.hears_accused(0, witness);
  judge.waits(10s);
  EXPECT_EQ(judge.said<Alive>().size(), 1u);
}

TEST(Suspicion, WeRefuteOnceASecondWhateverIsSaid) {
  Judge judge{10};
  for (std::uint64_t i = 0; i < 100; ++i) judge.hears_accused(0, 4, {1, i});
  EXPECT_EQ(judge.said<Alive>().size(), 1u);
  judge.waits(judge.config.alive_gap);
  ASSERT_EQ(judge.said<Alive>().size(), 2u);
  EXPECT_EQ(judge.said<Alive>()[1].life.incarnation, 100u);
}

TEST(Suspicion, WhoIsSuspectedIsMoreCareful) {
  Judge judge{10};
  judge.hears_accused(0, 4);
  EXPECT_EQ(judge.time_with(4), 10s);
}

TEST(Suspicion, AStrangersAccusationIsRefutedButMakesNobodyCareful) {
  Judge judge{10};
  judge.hears_accused(0, 77);
  EXPECT_EQ(judge.said<Alive>().size(), 1u);
  EXPECT_EQ(judge.time_with(4), 5s);
}

TEST(Suspicion, OfAnEarlierBootItIsNotAboutUs) {
  Judge judge{10};
  judge.hears_accused(0, 4, {0, 5});
  judge.hears_accused(0, 4, {2, 0});
  EXPECT_TRUE(judge.said<Alive>().empty());
}

TEST(Suspicion, HeldDownByAPeerWeRefuteForAll) {
  Judge judge{10};
  judge.self.on_held_down(Judge::key(4), HeldDown{{1, 3}}, judge.now, judge.out);
  ASSERT_EQ(judge.said<Alive>().size(), 1u);
  EXPECT_EQ(judge.said<Alive>()[0].life, (Life{1, 4}));
}

// Who came to the cluster after we had refuted it has heard of no life of ours but the first.
TEST(Suspicion, WhatWeHaveRefutedBeforeWeRefuteAgain) {
  Judge judge{10};
  judge.hears_accused(0, 4);
  judge.waits(60s);
  judge.out.clear();
  judge.hears_accused(0, 5);
  ASSERT_EQ(judge.said<Alive>().size(), 1u);
  EXPECT_EQ(judge.said<Alive>()[0].life, (Life{1, 1}));  // our word, and not a new one: the others know it
  EXPECT_TRUE(judge.all<Suspected>().empty());
  EXPECT_EQ(judge.time_with(4), 5s);  // nothing is wrong with us
}

TEST(Suspicion, ToAPeerThatHoldsUsDownByIt) {
  Judge judge{10};
  judge.hears_accused(0, 4);
  judge.waits(60s);
  judge.out.clear();
  judge.self.on_held_down(Judge::key(5), HeldDown{{1, 0}}, judge.now, judge.out);
  ASSERT_EQ(judge.said<Alive>().size(), 1u);
  EXPECT_EQ(judge.said<Alive>()[0].life, (Life{1, 1}));
}

TEST(Suspicion, ButOnceASecondAsAnythingOfOurs) {
  Judge judge{10};
  judge.hears_accused(0, 4);
  judge.waits(60s);
  judge.out.clear();
  for (int i = 0; i < 100; ++i) judge.hears_accused(0, 5);
  judge.waits(10s);
  EXPECT_EQ(judge.said<Alive>().size(), 1u);  // what was said within a second of it is answered by it
}

TEST(Suspicion, OurOwnBroadcastsTellUsNothing) {
  Judge judge{10};
  judge.hears_accused(3, 0);
  judge.hears_alive(0, {1, 9});
  judge.hears_leaving(0);
  EXPECT_EQ(judge.status(3), Status::alive);
  EXPECT_TRUE(judge.out.empty());
}

// --- lateness (I19)

TEST(Suspicion, APauseKillsNobody) {
  for (const Duration pause : {10s, 30s, 3600s}) {
    Judge judge{10};
    judge.hears_accused(3, 4);
    for (const Index witness : {4, 5, 6, 7}) judge.hears_accused(2, witness);
    judge.waits(4s);
    judge.is_paused(pause);
    EXPECT_EQ(judge.ups_and_downs(), "");
    judge.hears_alive(2, {1, 1});  // what had come in while we were stopped
    judge.hears_alive(3, {1, 1});
    judge.waits(1h);
    EXPECT_EQ(judge.ups_and_downs(), "");
  }
}

TEST(Suspicion, WhateverIsHeardFirstAfterAPause) {
  Judge judge{10};
  for (const Index witness : {4, 5, 6, 7}) judge.hears_accused(2, witness);
  judge.waits(4s);
  judge.now += 60s;
  judge.hears_accused(3, 4);
  judge.self.on_time(judge.now, judge.out);
  EXPECT_EQ(judge.status(2), Status::suspected);
}

TEST(Suspicion, AfterAPauseTheDeadAreDeadLater) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.is_paused(30s);
  EXPECT_EQ(judge.time_with(1), 8 * 30s);
  judge.waits(8 * 30s);
  EXPECT_EQ(judge.status(3), Status::down);
}

TEST(Suspicion, InTimeAgainTheTimesAreAsBefore) {
  Judge judge{10};
  judge.is_paused(30s);
  judge.waits(8 * judge.config.health_recovery);
  EXPECT_EQ(judge.time_with(4), 5s);
}

// --- coming and going

TEST(Suspicion, WhoLeavesHasNotFailed) {
  Judge judge{10};
  judge.hears_leaving(3);
  EXPECT_EQ(judge.status(3), Status::left);
  EXPECT_EQ(judge.ups_and_downs(), "left 3");
  judge.hears_accused(3, 4);
  judge.waits(1h);
  EXPECT_EQ(judge.ups_and_downs(), "left 3");
}

TEST(Suspicion, WhoLeavesWhileSuspectedHasNotFailed) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.hears_leaving(3);
  judge.waits(1h);
  EXPECT_EQ(judge.ups_and_downs(), "left 3");
}

TEST(Suspicion, WhoHadLeftComesBackByALaterLifeOnly) {
  Judge judge{10};
  judge.hears_leaving(3, {1, 2});
  judge.hears_alive(3, {1, 2});
  judge.meets(3, 1);
  EXPECT_EQ(judge.status(3), Status::left);
  judge.hears_alive(3, {1, 3});
  EXPECT_EQ(judge.ups_and_downs(), "left 3 +3");
  judge.hears_leaving(3, {1, 2});
  EXPECT_EQ(judge.status(3), Status::alive);
}

TEST(Suspicion, WhenWeComeBackWeSaySo) {
  Judge judge{10};
  judge.self.come_in(judge.now, judge.out);
  ASSERT_EQ(judge.said<Alive>().size(), 1u);
  EXPECT_GT(judge.said<Alive>()[0].life, (Life{1, 0}));
}

TEST(Suspicion, ANewEpochBringsBackTheDeadAndEndsASuspicion) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.hears_accused(2, 4);
  judge.meets(2, 2);
  judge.waits(judge.time_with(1));
  judge.meets(3, 1);
  EXPECT_EQ(judge.status(3), Status::down);
  judge.meets(3, 2);
  EXPECT_EQ(judge.ups_and_downs(), "-3 +3");
  EXPECT_EQ(judge.status(2), Status::alive);
}

TEST(Suspicion, UpAndDownAlternateWhateverIsSaid) {
  Judge judge{6};
  Rng rng{3};
  std::map<Index, bool> up;
  for (Index i = 1; i < 6; ++i) up[i] = true;
  std::size_t changes = 0;
  for (int step = 0; step < 20'000; ++step) {
    judge.out.clear();
    const Index who = static_cast<Index>(rng.below(7));
    const Index by = static_cast<Index>(rng.below(7));
    const Life life{1 + rng.below(2 + static_cast<std::uint64_t>(step) / 2000), rng.below(4)};
    switch (rng.below(11)) {
      case 0: judge.meets(who, life.epoch); break;
      case 1: judge.loses(who); break;
      case 2:
      case 3: judge.hears_accused(who, by, life); break;
      case 4: judge.hears_alive(who, life); break;
      case 5: judge.hears_leaving(who, life); break;
      case 6: judge.self.on_heard(Judge::key(who), judge.now); break;
      case 7: judge.self.on_link_up(Judge::key(who), judge.now, judge.out); break;
      case 8: judge.self.on_held_down(Judge::key(by), HeldDown{life}, judge.now, judge.out); break;
      case 9: judge.waits(Duration{rng.below(60)} * 1'000'000'000); break;
      case 10: judge.is_paused(Duration{rng.below(60)} * 1'000'000'000); break;
    }
    for (const LifeEffect& effect : judge.out) {
      const auto* came = std::get_if<MemberUp>(&effect);
      const auto* went = std::get_if<MemberDown>(&effect);
      if (!came && !went) continue;
      ++changes;
      bool& is_up = up[index_of(came ? came->key : went->key)];
      ASSERT_EQ(is_up, went != nullptr);
      is_up = !is_up;
    }
    std::size_t living = 1;
    for (const auto& [key, member] : judge.self.members()) {
      const bool lives = member.status == Status::alive || member.status == Status::suspected;
      ASSERT_EQ(lives, up[index_of(key)]);
      living += lives;
    }
    ASSERT_EQ(judge.self.living(), living);
  }
  EXPECT_GT(changes, 100u);
}

// --- that all agree in the end

TEST(Suspicion, AWitnessSaysItAgainEverLessOften) {
  Judge judge{10};
  judge.loses(3);
  judge.waits(judge.time_with(1));
  judge.out.clear();
  judge.waits(10 * 60s);
  const auto soon = judge.said<Suspicion>().size();
  EXPECT_GE(soon, 3u);
  EXPECT_LE(soon, 5u);
  judge.waits(22h);
  EXPECT_LE(judge.said<Suspicion>().size(), 12u);
}

TEST(Suspicion, NotIfAnotherHasJustSaidIt) {
  Judge judge{10};
  judge.loses(3);
  judge.waits(judge.time_with(1));
  judge.out.clear();
  for (int i = 0; i < 100; ++i) {
    judge.hears_accused(3, 4);
    judge.waits(30s);
  }
  EXPECT_TRUE(judge.said<Suspicion>().empty());
}

TEST(Suspicion, WhenOneThatWasHeldDownTurnsUpTheOthersAreSuspectedAloudAtOnce) {  // a split has healed
  Judge judge{10};
  judge.loses(2);
  judge.loses(3);
  judge.waits(5h);
  judge.out.clear();
  judge.hears_alive(2, {1, 1});
  judge.waits(judge.config.suspicion_min);
  ASSERT_EQ(judge.said<Suspicion>().size(), 1u);
  EXPECT_EQ(judge.said<Suspicion>()[0].suspect, Judge::key(3));
}

TEST(Suspicion, NotWhenOneHasStartedAgain) {
  Judge judge{10};
  judge.loses(2);
  judge.loses(3);
  judge.waits(5h);
  judge.out.clear();
  judge.meets(2, 2);
  judge.waits(judge.config.suspicion_min);
  EXPECT_TRUE(judge.said<Suspicion>().empty());
}

TEST(Suspicion, WhoIsHeldDownAndHeardOfIsSuspectedAloudToRefuteAgain) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.waits(judge.time_with(1));
  judge.waits(1h);
  EXPECT_TRUE(judge.said<Suspicion>().empty());
  for (int i = 0; i < 60; ++i) {
    judge.self.on_heard(Judge::key(3), judge.now);
    judge.waits(1s);
  }
  EXPECT_EQ(judge.said<Suspicion>().size(), 1u);
}

TEST(Suspicion, WhoIsHeldDownAndLinksUpIsToldAndComesBackByItsOwnWord) {
  Judge judge{10};
  judge.hears_accused(3, 4);
  judge.waits(judge.time_with(1));
  judge.self.on_link_up(Judge::key(3), judge.now, judge.out);
  ASSERT_EQ(judge.all<Tell>().size(), 1u);
  EXPECT_EQ(judge.status(3), Status::down);
  judge.hears_alive(3, {1, 1});
  EXPECT_EQ(judge.ups_and_downs(), "-3 +3");
}

TEST(Suspicion, AnyMemberIsTriedNowAndThen) {
  Judge judge{10, Config{}};
  judge.hears_leaving(2);
  judge.hears_accused(3, 4);
  judge.waits(20 * judge.config.look_every);
  std::set<Index> tried;
  for (const Probe& each : judge.all<Probe>()) EXPECT_TRUE(tried.insert(index_of(each.key)).second) << "not before it was answered";
  EXPECT_GE(tried.size(), 5u);
  EXPECT_TRUE(tried.contains(3)) << "the dead as well";
  EXPECT_FALSE(tried.contains(2)) << "not who has left";
}

TEST(Suspicion, OneOfTheDeadThatIsTriedInVainStaysDead) {
  Judge judge{2, Config{}};
  judge.loses(1);
  judge.waits(judge.time_with(1));
  judge.out.clear();
  while (judge.all<Probe>().empty()) judge.waits(1s);
  judge.out.clear();
  judge.self.on_probe_failed(Judge::key(1), judge.now, judge.out);
  EXPECT_TRUE(judge.out.empty());
}

TEST(Suspicion, OneThatOnlyWeCannotReachIsNotTriedAtRandomAgain) {
  Judge judge{2, Config{}};
  judge.loses(1);
  judge.hears_alive(1, {1, 1});
  judge.out.clear();
  judge.waits(20 * judge.config.look_every);
  EXPECT_TRUE(judge.all<Probe>().empty());
  judge.self.on_link_up(Judge::key(1), judge.now, judge.out);
  judge.waits(20 * judge.config.look_every);
  EXPECT_EQ(judge.all<Probe>().size(), 1u);
}

TEST(Suspicion, TheGoneAreForgottenAfterADay) {
  Judge judge{10};
  judge.hears_leaving(2);
  judge.loses(3);
  judge.waits(judge.time_with(1));
  judge.waits(judge.config.forget_after - 1min);
  EXPECT_EQ(judge.self.members().size(), 9u);
  judge.waits(1min);
  EXPECT_EQ(judge.self.members().size(), 7u);
}

// --- bounds (I20, I22)

TEST(Suspicion, OfStrangersAndByStrangersNothingIsBelieved) {
  Judge judge{10};
  judge.hears_accused(77, 4);
  judge.hears_accused(3, 77);
  judge.hears_alive(77, {1, 1});
  judge.hears_leaving(77);
  EXPECT_TRUE(judge.out.empty());
  EXPECT_EQ(judge.self.counters().unknown, 4u);
}

TEST(Suspicion, NorOfThoseWhoAreDownOrHaveLeft) {
  Judge judge{10};
  judge.hears_accused(4, 5);
  judge.waits(judge.time_with(1));
  judge.hears_leaving(6);
  judge.hears_accused(3, 4);
  judge.hears_accused(3, 6);
  EXPECT_EQ(judge.status(3), Status::alive);
  EXPECT_EQ(judge.self.counters().unknown, 2u);
  judge.hears_alive(4, {1, 1});
  judge.hears_accused(3, 4);
  EXPECT_EQ(judge.status(3), Status::suspected);
}

TEST(Suspicion, OneWitnessCannotSuspectEverybody) {
  Judge judge{1000};
  for (Index i = 10; i < 1000; ++i) judge.hears_accused(i, 4);
  EXPECT_EQ(judge.all<Suspected>().size(), 16u);
  EXPECT_EQ(judge.self.counters().over_rate, 990u - 16u);
  judge.waits(100s);
  judge.out.clear();
  for (Index i = 900; i < 1000; ++i) judge.hears_accused(i, 4);
  EXPECT_EQ(judge.all<Suspected>().size(), 10u);
}

TEST(Suspicion, NorCanWe) {
  Judge judge{1000};
  for (Index i = 10; i < 1000; ++i) judge.loses(i);
  EXPECT_EQ(judge.said<Suspicion>().size(), 16u);
  EXPECT_EQ(judge.all<Suspected>().size(), 16u);
}

TEST(Suspicion, WitnessesOfOneSuspectAreBounded) {
  Judge judge{1000};
  for (Index i = 10; i < 1000; ++i) judge.hears_accused(3, i);
  EXPECT_EQ(judge.self.members().at(Judge::key(3)).witnesses.size(), 4u);
}

TEST(Suspicion, NoClaimTakesAwayTheSuspectsLastWord) {
  Judge judge{10};
  constexpr std::uint64_t last = ~std::uint64_t{0};
  judge.hears_accused(3, 4, {1, last});
  judge.hears_accused(3, 4, {2, 0});
  EXPECT_EQ(judge.status(3), Status::alive);
  judge.hears_accused(0, 4, {1, last});
  EXPECT_TRUE(judge.said<Alive>().empty());
  EXPECT_EQ(judge.self.counters().ahead, 3u);
}

TEST(Suspicion, APeerThatKeepsSayingThatWeAreDownIsNotAnsweredForEver) {
  Judge judge{10};
  for (std::uint64_t i = 0; i < 600; ++i) {
    judge.self.on_held_down(Judge::key(4), HeldDown{judge.self.own_life()}, judge.now, judge.out);
    judge.waits(1s);
  }
  EXPECT_LE(judge.said<Alive>().size(), 16u + 60u);
}

TEST(Suspicion, MembersAreBoundedAndTheGoneMakeRoom) {
  Config config = Judge::quiet();
  config.members_max = 5;
  Judge judge{6, config};
  judge.meets(6);
  EXPECT_EQ(judge.self.members().size(), 5u);
  EXPECT_EQ(judge.self.counters().members_refused, 1u);
  judge.hears_accused(2, 1);
  judge.hears_leaving(3);
  judge.meets(6);
  EXPECT_EQ(judge.self.members().size(), 5u);
  EXPECT_FALSE(judge.self.status(Judge::key(3)));
  EXPECT_EQ(judge.status(2), Status::suspected);
}

}  // namespace
}  // namespace bp2p::membership
