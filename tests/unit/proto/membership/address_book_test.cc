#include "proto/membership/address_book.h"

#include <map>

#include "tests/unit/proto/membership/played.h"

namespace bp2p::membership {
namespace {

constexpr TimePoint start{100h};
Now at(TimePoint steady) { return {steady, std::chrono::duration_cast<WallTime>(steady.time_since_epoch()) + WallTime{1'700'000'000'000}}; }

TEST(AddressBook, WhoWasNeverMetCannotBeLost) {
  AddressBook book{256, 24h};
  book.on_heard(make_contact(1), start);
  book.on_lost(make_contact(1)->key, start);
  EXPECT_EQ(book.lost(), 0u);
  book.on_met(make_contact(1), start);
  book.on_lost(make_contact(1)->key, start);
  EXPECT_TRUE(book.is_lost(make_contact(1)->key));
}

TEST(AddressBook, LostOnesAreNotEvictedForFreshOnes) {
  AddressBook book{16, 24h};
  for (Index i = 0; i < 8; ++i) {
    book.on_met(make_contact(i), start);
    book.on_lost(make_contact(i)->key, start);
  }
  for (Index i = 100; i < 1000; ++i) {
    book.on_heard(make_contact(i), start + 1h);
    book.on_met(make_contact(i + 10000), start + 1h);
  }
  EXPECT_EQ(book.size(), 16u);
  for (Index i = 0; i < 8; ++i) EXPECT_TRUE(book.is_lost(make_contact(i)->key));
}

TEST(AddressBook, AQuarterStaysForTheFresh) {
  AddressBook book{16, 24h};
  for (Index i = 0; i < 16; ++i) book.on_met(make_contact(i), start);
  for (Index i = 0; i < 16; ++i) book.on_lost(make_contact(i)->key, start);
  EXPECT_EQ(book.lost(), 12u);
  book.on_met(make_contact(99), start);
  EXPECT_TRUE(book.has(make_contact(99)->key));
}

TEST(AddressBook, WhoWasSeenLongestAgoMakesWayTheMetLast) {
  AddressBook book{3, 24h};
  book.on_met(make_contact(1), start);
  book.on_heard(make_contact(2), start + 1s);
  book.on_heard(make_contact(3), start + 2s);
  book.on_heard(make_contact(4), start + 3s);
  EXPECT_TRUE(book.has(make_contact(1)->key));
  EXPECT_FALSE(book.has(make_contact(2)->key));
}

TEST(AddressBook, NewsIsWhoWasNotKnownWhileThereIsRoomAndANewerRecord) {
  AddressBook book{2, 24h};
  EXPECT_TRUE(book.on_heard(make_contact(1), TimePoint{1s}));
  EXPECT_FALSE(book.on_heard(make_contact(1), TimePoint{2s}));
  EXPECT_TRUE(book.on_heard(make_contact(1, 1, 2), TimePoint{3s}));
  EXPECT_TRUE(book.on_heard(make_contact(2), TimePoint{4s}));
  EXPECT_FALSE(book.on_heard(make_contact(3), TimePoint{5s}));  // of a large cluster there is always somebody else
  EXPECT_TRUE(book.has(make_contact(3)->key));
}

TEST(AddressBook, LostOnesStayADay) {
  AddressBook book{16, 24h};
  book.on_met(make_contact(1), start);
  book.on_lost(make_contact(1)->key, start);
  book.expire(start + 24h - 1s);
  EXPECT_EQ(book.lost(), 1u);
  book.expire(start + 24h);
  EXPECT_EQ(book.lost(), 0u);
  EXPECT_EQ(book.size(), 0u);
}

TEST(AddressBook, ANewerRecordByOthersProvesThatOneIsNotLost) {
  AddressBook book{16, 24h};
  book.on_met(make_contact(1, 1, 5), start);
  book.on_lost(make_contact(1)->key, start);
  book.on_heard(make_contact(1, 1, 5), start);
  EXPECT_EQ(book.lost(), 1u);
  book.on_heard(make_contact(1, 1, 6), start);
  EXPECT_EQ(book.lost(), 0u);
}

TEST(AddressBook, IsTheSameAfterARestart) {
  AddressBook book{16, 24h};
  book.on_met(make_contact(1), start - 1h);
  book.on_heard(make_contact(2), start);
  book.on_lost(make_contact(1)->key, start);
  const auto saved = book.snapshot(at(start + 1min));
  AddressBook again{16, 24h};
  Now later = at(start + 2min);
  later.steady = TimePoint{5s};  // another process, or another boot
  again.restore(saved, later);
  EXPECT_EQ(again.size(), 2u);
  EXPECT_TRUE(again.is_lost(make_contact(1)->key));
  again.expire(TimePoint{5s} + 24h - 3min);
  EXPECT_EQ(again.lost(), 1u);
  again.expire(TimePoint{5s} + 24h - 2min);
  EXPECT_EQ(again.lost(), 0u);
}

TEST(AddressBook, AWallClockThatSteppedIsSurvived) {
  AddressBook book{16, 24h};
  const std::vector<SavedContact> saved{{make_contact(1), WallTime::max(), true, WallTime::max()},
                                        {make_contact(2), WallTime::min(), true, WallTime::min()}};
  book.restore(saved, at(start));
  EXPECT_TRUE(book.is_lost(make_contact(1)->key));
  EXPECT_FALSE(book.has(make_contact(2)->key));  // lost a day and more ago
}

// --- what membership does with it

TEST(AddressBook, ALostMemberIsProbedOncePerTenCyclesAndAskedHigh) {
  Config config = quiet();
  config.keep_alives_missed = 1'000'000;
  config.max_fail_count = 1;
  Played daemon{config};
  daemon.has_neighbours(5);
  daemon.out.clear();
  daemon.self.on_link_closed(make_contact(5)->key, daemon.now, daemon.out);
  daemon.hears(6, Neighbor{Priority::low});
  std::size_t probes = 0;
  for (int cycle = 0; cycle < 400; ++cycle) {
    Contacts spares;  // a full passive view: a large cluster
    for (Index i = 100; i < 116; ++i) spares.push_back(make_contact(i));
    daemon.hears(1, Shuffle{make_contact(99), 0, false, spares});
    for (ContactPtr& each : spares) each = make_contact(index_of(each->key) + 100);
    daemon.hears(1, Shuffle{make_contact(98), 0, false, spares});
    daemon.out.clear();
    daemon.waits(daemon.config.shuffle_period);
    for (const auto& [peer, request] : daemon.sent<Neighbor>()) {
      EXPECT_EQ(peer, 5u);
      EXPECT_EQ(request.priority, Priority::high);
      ++probes;
    }
  }
  EXPECT_GT(probes, 25u);
  EXPECT_LT(probes, 60u);
}

TEST(AddressBook, ARevivedMemberGetsItsPlace) {
  Played daemon{quiet()};
  daemon.has_neighbours(5);
  daemon.out.clear();
  daemon.self.on_link_closed(make_contact(2)->key, daemon.now, daemon.out);
  daemon.hears(6, Neighbor{Priority::low});
  ASSERT_EQ(daemon.self.view().active().size(), 5u);
  while (!daemon.sent_to<Neighbor>(2) && daemon.now < TimePoint{2h}) {
    for (const Index i : {1u, 3u, 4u, 5u, 6u}) daemon.hears(i, KeepAlive{});
    daemon.waits(1s);
  }
  ASSERT_TRUE(daemon.sent_to<Neighbor>(2));
  daemon.hears(2, NeighborReply{true});
  EXPECT_TRUE(daemon.is_active(2));
  EXPECT_TRUE(daemon.sent_to<Disconnect>(6));
  EXPECT_EQ(daemon.self.book().lost(), 0u);
}

TEST(AddressBook, ARestartedDaemonFindsItsClusterWithoutItsContact) {
  World world{1};
  world.grow(12, 100ms);
  world.run_for(60s);
  const AddressBook book = world.at(3).book();
  world.kill(3);
  world.kill(0);
  world.run_for(60s);
  world.restart(3, book);
  world.run_for(10s);
  EXPECT_GE(world.at(3).view().active().size(), 3u);
}

TEST(AddressBook, WhoeverLeftIsNotLostAndStillKnown) {  // all stop one after the other: the last must find the first again
  AddressBook book{8, 24h};
  const ContactPtr other = make_contact(1);
  book.on_met(other, TimePoint{1s});
  book.on_lost(other->key, TimePoint{2s});
  book.on_left(other->key);
  EXPECT_TRUE(book.has(other->key));
  EXPECT_FALSE(book.is_lost(other->key));
  EXPECT_EQ(book.lost(), 0u);
  book.on_lost(other->key, TimePoint{3s});
  EXPECT_FALSE(book.is_lost(other->key)) << "nobody looks for it";
}

TEST(AddressBook, WhoIsShortAndHasNoSparesLeftAsksThroughItEachOnceAMinute) {  // 95 % died at once
  Config config = quiet();
  config.passive_size = 2;
  Played daemon{config};
  daemon.has_neighbours(1);
  for (Index i = 10; i < 40; ++i) daemon.hears(1, Shuffle{make_contact(i), 0, false, {}});
  std::map<Index, int> asked;
  const TimePoint end = daemon.now + 50s;
  while (daemon.now < end) {
    daemon.now = std::max(daemon.now, daemon.self.next_deadline());
    daemon.out.clear();
    daemon.self.on_time(daemon.now, daemon.out);
    daemon.self.on_message(make_contact(1), make_contact(1)->addresses[0], KeepAlive{}, daemon.now, daemon.out);
    while (!daemon.sent<Neighbor>().empty()) {  // nobody can be reached, which may make it ask others
      const auto sent = daemon.sent<Neighbor>();
      daemon.out.clear();
      for (const auto& each : sent) {
        ++asked[each.first];
        daemon.self.on_unreachable(make_contact(each.first)->key, daemon.now, daemon.out);
      }
    }
  }
  for (Index i = 10; i < 40; ++i) EXPECT_GE(asked[i], 1) << i;
  int all = 0;
  for (const auto& [peer, times] : asked) all += times;
  EXPECT_LE(all, 30 + 2 * 5 + 5);  // the two spares are given up after five failures
}

}  // namespace
}  // namespace bp2p::membership
