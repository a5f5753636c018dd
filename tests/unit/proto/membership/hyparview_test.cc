// The table "What the paper's protocol gets wrong" of docs, row by row.
#include "proto/membership/hyparview.h"

#include "proto/wire/limits.h"
#include "tests/unit/proto/membership/played.h"

namespace bp2p::membership {
namespace {

// --- FORWARDJOIN puts an unreachable peer into the active view

TEST(Membership, ANewcomerWhoseWalkEndsHereEntersOnItsReplyOnly) {
  Played daemon;
  daemon.has_neighbours(2);
  daemon.hears(1, ForwardJoin{make_contact(9), 0});
  EXPECT_FALSE(daemon.is_active(9));
  ASSERT_TRUE(daemon.sent_to<Neighbor>(9));
  daemon.hears(9, NeighborReply{true});
  EXPECT_TRUE(daemon.is_active(9));
}

TEST(Membership, ANewcomerThatCannotBeReachedCostsNobodyItsPlace) {
  Played daemon;
  daemon.has_neighbours(5);
  daemon.hears(1, ForwardJoin{make_contact(9), 0});
  daemon.out.clear();
  daemon.self.on_unreachable(make_contact(9)->key, daemon.now, daemon.out);
  EXPECT_EQ(daemon.self.view().active().size(), 5u);
  EXPECT_TRUE(daemon.sent<Disconnect>().empty());
}

TEST(Membership, TheContactOfAJoinEntersOnItsReplyOnly) {
  Played daemon;
  daemon.self.join(make_contact(1), daemon.now, daemon.out);
  EXPECT_FALSE(daemon.is_active(1));
  daemon.hears(1, NeighborReply{true});
  EXPECT_TRUE(daemon.is_active(1));
}

TEST(Membership, AReplyThatNobodyAskedForIsTakenBack) {
  Played daemon;
  daemon.hears(9, NeighborReply{true});
  EXPECT_FALSE(daemon.is_active(9));
  EXPECT_TRUE(daemon.sent_to<Disconnect>(9));
}

// --- asymmetric links

TEST(Membership, AnEndThatStandsAloneIsTold) {
  Played daemon;
  daemon.hears(9, KeepAlive{});
  EXPECT_TRUE(daemon.sent_to<Disconnect>(9));
  EXPECT_EQ(daemon.self.counters().mismatches, 1u);
}

TEST(Membership, ANeighbourHearsEveryPeriodThatItIsOne) {
  Played daemon{quiet()};
  daemon.has_neighbours(1);
  daemon.waits(daemon.config.keep_alive);
  EXPECT_EQ(daemon.sent<KeepAlive>().size(), 1u);
}

TEST(Membership, ANeighbourThatFallsSilentIsLost) {
  Played daemon{quiet()};
  daemon.has_neighbours(1);
  daemon.waits(5 * daemon.config.keep_alive);
  EXPECT_FALSE(daemon.is_active(1));
  EXPECT_EQ(daemon.went(1), DownReason::lost);
}

TEST(Membership, ADaemonThatWasStoppedDoesNotBlameItsNeighbours) {  // I19
  Played daemon{quiet()};
  daemon.has_neighbours(3);
  daemon.now += 60s;
  daemon.out.clear();
  daemon.self.on_time(daemon.now, daemon.out);
  EXPECT_EQ(daemon.self.view().active().size(), 3u);
  EXPECT_EQ(daemon.sent<KeepAlive>().size(), 3u);
}

// --- a peer told to go is left short

TEST(Membership, WhoIsToldToGoGetsTheNewcomerAndSparesAsCandidates) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.hears(1, Shuffle{make_contact(20), 0, false, {make_contact(21), make_contact(22)}});
  daemon.hears(9, Join{});
  const auto goodbye = daemon.sent_to<Disconnect>(5);
  ASSERT_TRUE(goodbye);
  ASSERT_EQ(goodbye->candidates.size(), 4u);
  EXPECT_EQ(index_of(goodbye->candidates[0]->key), 9u);
}

TEST(Membership, WhoIsToldToGoAsksTheFirstCandidateAtOnce) {
  Played daemon;
  daemon.has_neighbours(5);
  daemon.hears(5, Disconnect{false, {make_contact(9), make_contact(10)}});
  ASSERT_TRUE(daemon.sent_to<Neighbor>(9));
  EXPECT_EQ(daemon.sent_to<Neighbor>(9)->priority, Priority::low);
  EXPECT_TRUE(daemon.is_passive(5));  // as in the paper
}

TEST(Membership, WhoLeavesIsNoSpare) {
  Played daemon;
  daemon.has_neighbours(5);
  daemon.hears(5, Disconnect{true, {}});
  EXPECT_EQ(daemon.went(5), DownReason::left);
  EXPECT_FALSE(daemon.is_passive(5));
  EXPECT_FALSE(daemon.self.book().is_lost(make_contact(5)->key));
}

// --- quick re-join refused as stale

TEST(Membership, ANewBootEpochClearsWhatTheOldOneLeft) {
  Played daemon;
  daemon.has_neighbours(3);
  daemon.hears(make_contact(2, 2), Join{});
  EXPECT_EQ(daemon.went(2), DownReason::restarted);
  EXPECT_TRUE(daemon.is_active(2));
  EXPECT_TRUE(daemon.sent_to<NeighborReply>(2)->accepted);
  EXPECT_EQ(daemon.sent<ForwardJoin>().size(), 2u);
}

// It has lost its state and not its link: what was said to the old state is void, and gossip begins anew.
TEST(Membership, ANeighbourThatAsksAgainIsANewOne) {
  Played daemon;
  daemon.has_neighbours(3);
  daemon.hears(2, Neighbor{Priority::low});  // both had asked
  EXPECT_EQ(daemon.out.size(), 1u);
  daemon.waits(daemon.config.pending_timeout);
  for (const Message& again : {Message{Neighbor{Priority::low}}, Message{Neighbor{Priority::high}}, Message{Join{}}}) {
    daemon.hears(2, again);
    ASSERT_GE(daemon.out.size(), 3u);
    // It may hear nothing of gossip before it knows that it is a neighbour.
    EXPECT_TRUE(std::holds_alternative<Send>(daemon.out[0]));
    EXPECT_TRUE(daemon.sent_to<NeighborReply>(2)->accepted);
    EXPECT_EQ(std::get<PeerDown>(daemon.out[1]).reason, DownReason::disconnected);
    EXPECT_EQ(std::get<PeerUp>(daemon.out[2]).peer, make_contact(2)->key);
    EXPECT_TRUE(daemon.is_active(2));
    for (const Effect& effect : daemon.out) EXPECT_FALSE(std::holds_alternative<LinkNotNeeded>(effect));
  }
}

TEST(Membership, AnOldBootEpochIsNotListenedTo) {
  Played daemon;
  daemon.hears(make_contact(2, 5), Neighbor{Priority::low});
  daemon.hears(make_contact(2, 4), Disconnect{});
  EXPECT_TRUE(daemon.is_active(2));
  EXPECT_EQ(daemon.self.counters().stale, 1u);
}

TEST(Membership, AClosedLinkClearsTheNeighbourAndItMayComeBackAtOnce) {
  Played daemon;
  daemon.has_neighbours(5);
  daemon.out.clear();
  daemon.self.on_link_closed(make_contact(3)->key, daemon.now, daemon.out);
  EXPECT_EQ(daemon.went(3), DownReason::lost);
  daemon.hears(3, Join{});
  EXPECT_TRUE(daemon.is_active(3));
}

TEST(Membership, WhoHasNeighboursAndJoinsAnotherClusterMakesRoomAsItDoes) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.self.join(make_contact(9), daemon.now, daemon.out);
  ASSERT_TRUE(daemon.sent_to<Neighbor>(9));
  EXPECT_EQ(daemon.sent_to<Neighbor>(9)->priority, Priority::high);
  daemon.hears(9, NeighborReply{true});
  EXPECT_TRUE(daemon.is_active(9));
}

// --- 10,000 joins through one contact

TEST(Membership, AContactLetsOneNeighbourGoASecondForJoins) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.hears(10, Join{});
  EXPECT_TRUE(daemon.sent_to<NeighborReply>(10)->accepted);
  for (Index i = 11; i < 40; ++i) {
    daemon.hears(i, Join{});
    EXPECT_FALSE(daemon.sent_to<NeighborReply>(i)->accepted);
    EXPECT_TRUE(daemon.sent<Disconnect>().empty());
    EXPECT_EQ(daemon.sent<ForwardJoin>().size(), 5u);  // redirected
  }
  EXPECT_EQ(daemon.self.counters().joins_redirected, 29u);
  daemon.waits(1s);
  daemon.hears(50, Join{});
  EXPECT_TRUE(daemon.sent_to<NeighborReply>(50)->accepted);
}

TEST(Membership, WalksThatEndHereCountWithTheJoins) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.hears(1, ForwardJoin{make_contact(10), 0});
  EXPECT_TRUE(daemon.sent_to<Neighbor>(10));
  daemon.hears(1, ForwardJoin{make_contact(11), 0});
  EXPECT_FALSE(daemon.sent_to<Neighbor>(11));
  EXPECT_TRUE(daemon.is_passive(11));
}

TEST(Membership, ASwapGivesUpOwnLinksOnlyAndKeepsTheirNumber) {
  Played daemon{quiet()};  // c of swapping.cc
  daemon.has_neighbours(5);
  daemon.hears(10, SwapRequest{make_contact(11)});
  const auto reply = daemon.sent_to<SwapReply>(10);
  ASSERT_TRUE(reply && reply->partner);
  EXPECT_EQ(index_of(reply->partner->key), 5u);
  const auto handover = daemon.sent_to<Handover>(5);
  ASSERT_TRUE(handover);
  EXPECT_EQ(index_of(handover->partner->key), 11u);
  EXPECT_TRUE(daemon.is_active(10));
  EXPECT_EQ(daemon.self.view().active().size(), 5u);
  daemon.hears(12, SwapRequest{make_contact(13)});  // one a round
  EXPECT_FALSE(daemon.sent_to<SwapReply>(12)->partner);
}

TEST(Membership, WhoIsHandedOverKeepsThePlaceForItsPartner) {
  Played daemon{quiet()};  // d
  daemon.has_neighbours(5);
  daemon.hears(2, Handover{make_contact(11)});
  EXPECT_EQ(daemon.went(2), DownReason::swapped);
  daemon.hears(12, Neighbor{Priority::low});
  EXPECT_FALSE(daemon.sent_to<NeighborReply>(12)->accepted);
  daemon.hears(11, Neighbor{Priority::low});
  EXPECT_TRUE(daemon.is_active(11));
}

TEST(Membership, WhoIsHandedOverAsksAndARefusalIsNotTheEnd) {
  Played daemon{quiet()};  // o
  daemon.has_neighbours(5);
  daemon.hears(2, Handover{make_contact(11)});
  EXPECT_TRUE(daemon.sent_to<Neighbor>(11));
  daemon.hears(11, NeighborReply{false});  // d has not been told yet
  daemon.hears(12, Neighbor{Priority::low});
  EXPECT_FALSE(daemon.is_active(12));
  daemon.hears(11, Neighbor{Priority::low});
  EXPECT_TRUE(daemon.is_active(11));
}

TEST(Membership, APlaceIsNotKeptForEver) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.hears(2, Handover{make_contact(11)});
  daemon.waits(daemon.config.pending_timeout);
  EXPECT_TRUE(daemon.sent_to<Neighbor>(2));  // its only spare
}

TEST(Membership, DaemonsSwapOnceInTenRounds) {
  Config config;
  config.keep_alives_missed = 1'000'000;
  Played daemon{config};
  daemon.has_neighbours(5);
  std::size_t swaps = 0;
  for (int round = 0; round < 1000; ++round) {
    // Spares grow old; here they are told again.
    daemon.hears(1, Shuffle{make_contact(20), 0, false, {make_contact(21), make_contact(22), make_contact(23), make_contact(24)}});
    daemon.waits(daemon.config.shuffle_period);
    swaps += daemon.sent<SwapRequest>().size();
  }
  EXPECT_GT(swaps, 60u);
  EXPECT_LT(swaps, 140u);
}

// --- NEIGHBOR(high) always accepted

TEST(Membership, OneNetworkGetsOneHighRequestInTenSeconds) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  Address network = make_contact(99)->addresses[0];
  daemon.hears(make_contact(100), network, Neighbor{Priority::high});
  EXPECT_TRUE(daemon.sent_to<NeighborReply>(100)->accepted);
  for (Index i = 101; i < 121; ++i) {
    network.ip[15] = static_cast<std::byte>(i);
    daemon.hears(make_contact(i), network, Neighbor{Priority::high});
    EXPECT_FALSE(daemon.sent_to<NeighborReply>(i)->accepted);
  }
  EXPECT_EQ(daemon.self.counters().high_refused, 20u);
  daemon.now += 10s;
  daemon.hears(make_contact(130), network, Neighbor{Priority::high});
  EXPECT_TRUE(daemon.sent_to<NeighborReply>(130)->accepted);
}

TEST(Membership, HighRequestsFromEverywhereEvictOnlyOneAnother) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  for (Index i = 100; i < 120; ++i) {
    daemon.hears(i, Neighbor{Priority::high});
    EXPECT_TRUE(daemon.is_active(i));
  }
  for (Index i = 1; i <= 4; ++i) EXPECT_TRUE(daemon.is_active(i));
}

TEST(Membership, TwoOutboundNeighboursStayWhateverIsAskedFor) {
  Played daemon{quiet()};
  daemon.has_neighbours(1);
  // Four more that it asks itself: all its links but one are outbound.
  daemon.hears(1, Shuffle{make_contact(10), 0, false, {make_contact(11), make_contact(12), make_contact(13)}});
  for (Index i = 10; i <= 13; ++i) {
    daemon.hears(i, NeighborReply{true});
    ASSERT_TRUE(daemon.is_active(i));
  }
  for (Index i = 100; i < 120; ++i) {
    daemon.hears(i, Neighbor{Priority::high});
    daemon.hears(i, Disconnect{});  // the attacker makes room to push on
    daemon.hears(i + 100, Neighbor{Priority::high});
  }
  EXPECT_TRUE(daemon.is_active(10));
  EXPECT_TRUE(daemon.is_active(11));
}

// --- control messages about third parties believed

TEST(Membership, OnlyNeighboursSpeakOfOthers) {
  Played daemon;
  daemon.has_neighbours(2);
  const auto before = daemon.self.counters().not_a_neighbour;
  daemon.hears(9, ForwardJoin{make_contact(10), 0});
  daemon.hears(9, Shuffle{make_contact(10), 0, true, {make_contact(11)}});
  daemon.hears(9, Handover{make_contact(10)});
  EXPECT_EQ(daemon.self.counters().not_a_neighbour - before, 3u);
  EXPECT_TRUE(daemon.self.view().passive().empty());
}

TEST(Membership, ADisconnectByOneThatIsNoNeighbourSaysNothing) {
  Played daemon;
  daemon.has_neighbours(2);
  daemon.hears(9, Disconnect{false, {make_contact(10)}});
  EXPECT_EQ(daemon.self.view().active().size(), 2u);
  EXPECT_TRUE(daemon.self.view().passive().empty());
}

TEST(Membership, OneReplyIsTakenPerShuffle) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.hears(9, ShuffleReply{{make_contact(10)}});
  EXPECT_FALSE(daemon.is_passive(10));
  daemon.waits(11s);
  daemon.hears(9, ShuffleReply{{make_contact(10)}});
  EXPECT_TRUE(daemon.is_passive(10));
  daemon.hears(9, ShuffleReply{{make_contact(11)}});
  EXPECT_FALSE(daemon.is_passive(11));
}

TEST(Membership, ShufflesBecomeRareWhileTheyBringNothingNew) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  const auto shuffles_in = [&](int periods) {
    std::size_t count = 0;
    for (int i = 0; i < periods; ++i) {
      for (Index each = 1; each <= 5; ++each) daemon.hears(each, KeepAlive{});
      daemon.waits(daemon.config.shuffle_period);
      count += daemon.sent<Shuffle>().size();
    }
    return count;
  };
  shuffles_in(20);
  EXPECT_LE(shuffles_in(40), 11u);
  daemon.self.on_contact(make_contact(1));  // what was known is no news
  EXPECT_LE(shuffles_in(4), 2u);
  daemon.hears(1, Shuffle{make_contact(1), 0, false, {make_contact(30)}});
  EXPECT_GE(shuffles_in(2), 1u);
  daemon.hears(1, Shuffle{make_contact(1), 0, false, {make_contact(30)}});
  EXPECT_LE(shuffles_in(40), 12u);
  daemon.self.on_link_closed(make_contact(2)->key, daemon.now, daemon.out);
  EXPECT_GE(shuffles_in(20), 19u) << "short of a link it looks for one";
}

TEST(Membership, NoListIsReadBeyondItsBound) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  Contacts many;
  for (Index i = 100; i < 400; ++i) many.push_back(make_contact(i));
  daemon.hears(1, Shuffle{make_contact(99), 0, false, many});
  EXPECT_EQ(daemon.self.view().passive().size(), limits::contacts_per_message_max + 1);
  daemon.hears(1, Shuffle{make_contact(99), 255, false, many});
  ASSERT_EQ(daemon.sent<Shuffle>().size(), 1u);
  EXPECT_EQ(daemon.sent<Shuffle>()[0].second.sample.size(), limits::contacts_per_message_max);
  EXPECT_LT(daemon.sent<Shuffle>()[0].second.ttl, daemon.config.arwl);
}

// --- promotion

TEST(Membership, ASpareThatFailsIsAskedLaterAndThenGivenUp) {
  Played daemon{quiet()};
  daemon.has_neighbours(1);
  daemon.hears(1, Shuffle{make_contact(10), 0, false, {}});
  ASSERT_TRUE(daemon.sent_to<Neighbor>(10));
  std::vector<Duration> waited;
  TimePoint failed = daemon.now;
  for (std::uint32_t i = 1; i < daemon.config.max_fail_count; ++i) {
    daemon.out.clear();
    daemon.self.on_unreachable(make_contact(10)->key, daemon.now, daemon.out);
    failed = daemon.now;
    daemon.out.clear();
    while (!daemon.sent_to<Neighbor>(10) && daemon.now < failed + 60s) {
      daemon.hears(1, KeepAlive{});
      const TimePoint next = daemon.self.next_deadline();
      daemon.now = std::max(daemon.now, next);
      daemon.self.on_time(daemon.now, daemon.out);
    }
    waited.push_back(daemon.now - failed);
    EXPECT_GE(waited.back(), daemon.config.base_backoff * (1 << (i - 1)));
    EXPECT_LE(waited.back(), daemon.config.base_backoff * (1 << (i - 1)) * 3 / 2);
  }
  daemon.self.on_unreachable(make_contact(10)->key, daemon.now, daemon.out);
  EXPECT_FALSE(daemon.is_passive(10));
}

TEST(Membership, AShortDaemonRestsAfterSoManyRefusals) {
  Played daemon{quiet()};
  daemon.has_neighbours(1);
  Contacts sample;
  for (Index i = 20; i < 36; ++i) sample.push_back(make_contact(i));
  daemon.hears(1, Shuffle{make_contact(10), 0, false, sample});
  std::size_t asked = 0;
  for (int i = 0; i < 40; ++i) {
    const auto requests = daemon.sent<Neighbor>();
    asked += requests.size();
    Effects all;
    for (const auto& [peer, request] : requests) {
      daemon.hears(peer, NeighborReply{false});
      std::ranges::move(daemon.out, std::back_inserter(all));
    }
    daemon.out = std::move(all);
  }
  EXPECT_GE(asked, daemon.config.refusals_per_period);
  EXPECT_LE(asked, daemon.config.refusals_per_period + daemon.config.active_size);
}

/// A few that have but one another, and all that they know of are full.
TEST(Membership, I9WhoIsTwoShortAndRefusedRoundAfterRoundAsksUrgently) {
  const auto priorities = [](Index neighbours) {
    Played daemon{quiet()};
    daemon.has_neighbours(neighbours);
    daemon.hears(1, Shuffle{make_contact(10), 0, false, {make_contact(20)}});
    std::vector<Priority> asked;
    const auto refuse = [&] {
      const auto request = daemon.sent_to<Neighbor>(20);
      if (!request) return;
      asked.push_back(request->priority);
      daemon.hears(20, NeighborReply{false});
    };
    refuse();
    for (const TimePoint end = daemon.now + 1min; daemon.now < end;) {
      for (Index each = 1; each <= neighbours; ++each) {
        daemon.hears(each, KeepAlive{});
        refuse();
      }
      daemon.waits(1s);
      refuse();
    }
    return asked;
  };
  const Index full = static_cast<Index>(Config{}.active_size);
  const auto of_island = priorities(full - 2), of_short = priorities(full - 1);
  ASSERT_GE(of_island.size(), 5u);
  EXPECT_EQ(of_island[0], Priority::low);
  EXPECT_EQ(of_island.back(), Priority::high);
  EXPECT_THAT(of_short, testing::Each(Priority::low)) << "one place is short for ever where their number is odd";
}

TEST(Membership, AQuestionWithoutAnAnswerIsAFailure) {
  Played daemon{quiet()};
  daemon.has_neighbours(1);
  daemon.hears(1, Shuffle{make_contact(10), 0, false, {}});
  daemon.waits(daemon.config.pending_timeout);
  ASSERT_EQ(daemon.self.view().passive().size(), 1u);
  EXPECT_EQ(daemon.self.view().passive()[0].failures, 1u);
}

TEST(Membership, SparesGrowOld) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.hears(1, Shuffle{make_contact(10), 0, false, {}});
  for (int i = 0; i < 33; ++i) {
    for (Index peer = 1; peer <= 5; ++peer) daemon.hears(peer, KeepAlive{});
    daemon.waits(10s);
  }
  EXPECT_FALSE(daemon.is_passive(10));
}

TEST(Membership, WhoLeavesSaysSoAndIsSilent) {
  Played daemon;
  daemon.has_neighbours(3);
  daemon.out.clear();
  daemon.self.leave(daemon.now, daemon.out);
  ASSERT_EQ(daemon.sent<Disconnect>().size(), 3u);
  for (const auto& [peer, goodbye] : daemon.sent<Disconnect>()) EXPECT_TRUE(goodbye.leaving);
  EXPECT_EQ(daemon.self.next_deadline(), never);
  daemon.hears(4, Neighbor{Priority::high});
  EXPECT_FALSE(daemon.sent_to<NeighborReply>(4)->accepted);
  EXPECT_TRUE(daemon.self.view().active().empty());
}

}  // namespace
}  // namespace bp2p::membership
