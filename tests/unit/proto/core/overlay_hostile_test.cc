// A peer that was let in and means harm: what it says of others, too much of, or without sense. What it does is bounded
// and counted, and its link is closed where no honest daemon would have said it.
#include <gtest/gtest.h>

#include "proto/gossip/codec.h"
#include "proto/gossip/plumtree.h"
#include "proto/membership/codec.h"
#include "proto/membership/hyparview.h"
#include "proto/membership/suspicion.h"
#include "proto/trust/broadcast.h"
#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

using membership::ContactPtr;

peer::Message wrap(const membership::Message& message) { return peer::Membership{membership::encode(message)}; }
peer::Message wrap(const gossip::Message& message) { return peer::Gossip{gossip::encode(message)}; }

ContactPtr contact(Bytes record) {
  return std::make_shared<const membership::Contact>(membership::Contact{.key = {}, .record = std::make_shared<const Bytes>(std::move(record))});
}

/// Three honest daemons, and one that is played: a neighbour of the first.
struct HostileMember : testing::Test {
  World world{7};
  PlayedPeer evil{66};
  Daemon* victim = nullptr;
  LinkId link;

  void SetUp() override {
    for (std::uint8_t i = 1; i <= 3; ++i) {
      CoreConfig config;
      if (i > 1) config.contacts = {address("10.0.1.1:9100")};
      world.add(i, "10.0.1." + std::to_string(i) + ":9100", config);
      world.daemons.back()->attach(name("n" + std::to_string(i) + "@h" + std::to_string(i)));
    }
    world.pass(30s);
    victim = world.daemons[0].get();
    link = join(evil, 1);
    ASSERT_TRUE(is_neighbour(evil));
  }
  LinkId join(const PlayedPeer& who, std::uint8_t number) {
    const LinkId made = who.connect(*victim, "66." + std::to_string(number) + ".0.1:9100", number);
    who.hello(*victim, made, number, {name("evil@x" + std::to_string(number))});
    PlayedPeer::say(*victim, made, wrap(membership::Neighbor{membership::Priority::high}));
    return made;
  }
  bool is_neighbour(const PlayedPeer& who) const { return victim->core->overlay().view().is_active(who.signing.own_key()); }
  std::size_t honest_neighbours() const {
    std::size_t count = 0;
    for (const auto& daemon : world.daemons) count += victim->core->overlay().view().is_active(daemon->signing.own_key()) ? 1 : 0;
    return count;
  }
  Bytes record_of_evil(std::uint64_t number = 1) const { return evil.record({name("evil@x1")}, world.now.wall, 5, number); }
  /// In the name of the second daemon, signed by another.
  Bytes forged_record() const {
    Bytes record = record_of_evil();
    std::ranges::copy(world.daemons[1]->signing.own_key().bytes, record.begin());
    return record;
  }
  std::optional<LinkCode> closed_by(const peer::Message& message) {
    PlayedPeer::send(*victim, link, message);
    for (const Effect& effect : victim->last)
      if (const auto* close = std::get_if<CloseLink>(&effect); close != nullptr && close->link == link) return close->code;
    return std::nullopt;
  }
};

TEST_F(HostileMember, WhatItSaysOfOthersIsBelievedWithTheirSignatureOnly) {
  const ContactPtr forged = contact(forged_record());
  const membership::Message lies[] = {
      membership::ForwardJoin{forged, 6}, membership::Disconnect{false, {contact(record_of_evil()), forged}}, membership::Handover{forged},
      membership::SwapRequest{forged},    membership::SwapReply{forged}, membership::Shuffle{forged, 6, true, {}},
      membership::ShuffleReply{{forged}},
  };
  std::uint8_t number = 1;
  for (const membership::Message& lie : lies) {
    EXPECT_EQ(closed_by(wrap(lie)), LinkCode::misbehaved) << lie.index();
    EXPECT_FALSE(is_neighbour(evil));
    EXPECT_EQ(honest_neighbours(), 2u);
    world.pass(11s);  // NEIGHBOR(high) of one network is granted so often
    link = join(evil, ++number);
  }
  EXPECT_EQ(closed_by(peer::Records{{forged_record()}}), LinkCode::misbehaved);
}

TEST_F(HostileMember, ABroadcastInAnothersNameEndsTheLink) {
  Daemon& other = *world.daemons[1];
  const gossip::OriginId origin{other.signing.own_key(), other.config.boot_epoch};
  const Bytes payload = sign_broadcast({"default", origin.epoch, 1000}, BroadcastKind::leaving, Bytes(16), evil.signing);
  EXPECT_EQ(closed_by(wrap(gossip::Gossip{origin, 1000, 1000, std::make_shared<const Bytes>(payload)})), LinkCode::misbehaved);
  EXPECT_TRUE(victim->core->lives().is_living(other.signing.own_key()));
}

TEST_F(HostileMember, WhetherOneLivesIsHeardBeforeWhatItSaidBefore) {
  const gossip::OriginId origin{evil.signing.own_key(), 5};
  const auto says = [&](std::uint64_t number, BroadcastKind kind, const Bytes& body) {
    const Bytes payload = sign_broadcast({"default", origin.epoch, number}, kind, body, evil.signing);
    PlayedPeer::say(*victim, link, wrap(gossip::Gossip{origin, number, number, std::make_shared<const Bytes>(payload)}));
  };
  says(1, BroadcastKind::message, Bytes(8));
  says(3, BroadcastKind::alive, Writer{}.u64(5).u64(7).take());  // 2 is missing
  EXPECT_EQ(victim->core->lives().members().at(origin.key).life.incarnation, 7u);
}

/// Signed well, by a key of which nothing else is known.
struct Strangers : HostileMember {
  PlayedPeer stranger{77};
  gossip::OriginId origin{stranger.signing.own_key(), 5};
  SessionId node{};

  void SetUp() override {
    HostileMember::SetUp();
    node = victim->attach(name("listener@h1"));
    victim->ask(node, Term::tuple({Term::atom("subscribe"), Term::atom("broadcasts")}));
  }
  void hand_on(std::uint64_t number, BroadcastKind kind, const Bytes& body) {
    const Bytes payload = sign_broadcast({"default", origin.epoch, number}, kind, body, stranger.signing);
    PlayedPeer::say(*victim, link, wrap(gossip::Gossip{origin, number, number, std::make_shared<const Bytes>(payload)}));
  }
  void say(std::uint64_t number, std::string_view text) {
    hand_on(number, BroadcastKind::message, Writer{}.u32(1).raw(as_bytes("t")).raw(as_bytes(text)).take());
  }
  std::vector<std::string> heard() {
    std::vector<std::string> out;
    for (const auto& [tag, payload] : victim->delivered[node]) out.push_back(payload);
    return out;
  }
};

TEST_F(Strangers, AreNotHeardBySubscribers) {
  say(1, "hello");
  EXPECT_TRUE(heard().empty());
  world.advance_to(world.now.steady + 31s);
  hand_on(2, BroadcastKind::record, stranger.record({name("s@s")}, world.now.wall));
  say(3, "now I am known");
  EXPECT_EQ(heard(), std::vector<std::string>{"now I am known"}) << "what was said a minute ago is nothing that anybody waits for";
}

TEST_F(Strangers, WhoseRecordIsOnItsWayAreHeardFromTheirFirstBroadcastOn) {
  say(1, "one");
  say(2, "two");
  EXPECT_TRUE(heard().empty());
  PlayedPeer::say(*victim, link, peer::Records{{stranger.record({name("s@s")}, world.now.wall)}});
  EXPECT_EQ(heard(), (std::vector<std::string>{"one", "two"}));
  say(3, "three");
  EXPECT_EQ(heard().size(), 3u);
}

TEST_F(Strangers, AreNotHeardUnderTheRecordOfAnotherStart) {
  hand_on(1, BroadcastKind::record, stranger.record({name("s@s")}, world.now.wall, 6));
  say(2, "from before the restart");
  EXPECT_TRUE(heard().empty());
}

/// In trust mode strict a neighbour hands on what a daemon says that has no pin here.
struct StrangersOfStrict : Strangers {
  void SetUp() override {
    world.add(1, "10.0.1.1:9100", {.trust = Trust::strict});
    victim = world.daemons[0].get();
    victim->pins[name("evil@x1")] = PinRead{key_of(66)};
    node = victim->attach(name("listener@h1"));
    victim->ask(node, Term::tuple({Term::atom("subscribe"), Term::atom("broadcasts")}));
    link = join(evil, 1);
    ASSERT_TRUE(is_neighbour(evil));
    hand_on(1, BroadcastKind::record, stranger.record({name("s@s")}, world.now.wall));
  }
};

TEST_F(StrangersOfStrict, AreNotHeardWithoutAPin) {
  say(2, "hello");
  EXPECT_TRUE(heard().empty());
  EXPECT_GT(victim->core->status(world.now).overlay.broadcasts_unheard, 0u);
  victim->pins[name("s@s")] = PinRead{key_of(9)};
  world.advance_to(world.now.steady + 61s);
  say(3, "I am another's");
  EXPECT_TRUE(heard().empty());
}

TEST_F(StrangersOfStrict, AreHeardWithAPin) {
  victim->pins[name("s@s")] = PinRead{key_of(77)};
  say(2, "one");
  say(3, "two");
  EXPECT_EQ(heard(), (std::vector<std::string>{"one", "two"}));
}

TEST_F(StrangersOfStrict, AreHeardSoonAfterTheyWerePinned) {
  say(2, "hello");
  victim->pins[name("s@s")] = PinRead{key_of(77)};
  world.advance_to(world.now.steady + 61s);
  say(3, "again");
  EXPECT_EQ(heard(), std::vector<std::string>{"again"});
}

TEST_F(HostileMember, WhatBelongsToOneStreamDoesNotComeOnTheOther) {
  const auto closed_on = [&](LinkStream on, const peer::Message& message) -> std::optional<LinkCode> {
    victim->with([&](Core& core, Now now, Effects& out) { core.on_link_message(link, on, peer::encode(message), now, out); });
    for (const Effect& effect : victim->last)
      if (const auto* close = std::get_if<CloseLink>(&effect); close != nullptr && close->link == link) return close->code;
    return std::nullopt;
  };
  EXPECT_EQ(closed_on(LinkStream::overlay, wrap(membership::KeepAlive{})), std::nullopt);
  EXPECT_EQ(closed_on(LinkStream::link, peer::ChannelCancel{0}), std::nullopt);
  EXPECT_EQ(closed_on(LinkStream::link, wrap(membership::KeepAlive{})), LinkCode::bad_message);
  world.pass(11s);
  link = join(evil, 2);
  EXPECT_EQ(closed_on(LinkStream::overlay, peer::ChannelCancel{0}), LinkCode::bad_message);
}

TEST_F(Strangers, CostBoundedMemory) {
  const std::string large(100'000, 'x');
  for (std::uint64_t number = 1; number <= 100; ++number) say(number, large);
  PlayedPeer::say(*victim, link, peer::Records{{stranger.record({name("s@s")}, world.now.wall)}});
  EXPECT_GT(heard().size(), 0u);
  EXPECT_LE(heard().size(), 10u);
}

TEST_F(HostileMember, CanMakeUsReachOnlySoManyOthers) {
  const std::size_t before = victim->dials.size();
  world.unreachable.clear();
  for (std::uint8_t i = 0; i < 200; ++i) {
    const PlayedPeer made_up{static_cast<std::uint8_t>(i < 60 ? 5 + i : 20 + i)};
    if (made_up.signing.own_key() == evil.signing.own_key()) continue;
    auto body = made_up.body({}, world.now.wall);
    body.addresses = {address("172.16.0." + std::to_string(i) + ":9100")};
    PlayedPeer::send(*victim, link, wrap(membership::Shuffle{contact(sign_record(body, made_up.signing)), 1, false, {}}));
  }
  EXPECT_LE(victim->dials.size() - before, 16u) << "its walks end here, and each wants an answer";
  EXPECT_TRUE(is_neighbour(evil));
}

/// A newcomer that wants the records of a cluster of many.
TEST_F(HostileMember, ANewcomerIsToldOfEverybodyAsFastAsItTakesIt) {
  peer::Records all;
  for (std::uint8_t i = 0; i < 100; ++i) {
    const PlayedPeer member{static_cast<std::uint8_t>(100 + i)};
    std::vector<NodeName> names;
    for (int n = 0; n < 64; ++n) names.push_back(name("x" + std::string(150, 'x') + std::to_string(n) + "@h" + std::to_string(i)));
    all.records.push_back(member.record(std::move(names), world.now.wall));
    if (all.records.size() < 20) continue;
    PlayedPeer::say(*victim, link, all);
    all.records.clear();
  }
  const auto told = [&] {
    std::size_t records = 0, bytes = 0;
    for (const peer::Message& message : sent_to(*victim, link))
      if (const auto* some = std::get_if<peer::Records>(&message))
        for (const Bytes& each : some->records) ++records, bytes += each.size();
    return std::pair{records, bytes};
  };
  PlayedPeer::send(*victim, link, peer::RecordsWanted{});
  auto [records, bytes] = told();
  EXPECT_GT(bytes, gossip::Config{}.backlog_bytes_max / 2) << "else nobody says that it was taken";
  EXPECT_LT(bytes, gossip::Config{}.backlog_bytes_max);
  for (int i = 0; i < 10; ++i) {
    victim->with([&](Core& core, Now now, Effects& out) { core.on_link_backlog(link, 0, now, out); });
    const auto more = told();
    EXPECT_LT(more.second, gossip::Config{}.backlog_bytes_max);
    records += more.first;
  }
  EXPECT_GE(records, 103u);
  PlayedPeer::send(*victim, link, peer::RecordsWanted{});
  EXPECT_EQ(told().first, 0u) << "not again so soon";
}

TEST_F(HostileMember, WhenTheClockWasSetAllRecordsAreWantedAgain) {
  const auto is_asked = [&] {
    PlayedPeer::send(*victim, link, wrap(membership::Message{membership::KeepAlive{}}));
    const auto sent = sent_to(*victim, link);
    return std::ranges::any_of(sent, [](const auto& each) { return std::holds_alternative<peer::RecordsWanted>(each); });
  };
  world.now.wall += 4min;
  EXPECT_FALSE(is_asked());
  world.now.wall -= 10min;
  EXPECT_TRUE(is_asked());
  EXPECT_FALSE(is_asked());
}

TEST_F(HostileMember, ListsThatAreTooLongAndWhatIsNoMessageEndTheLink) {
  const gossip::OriginId origin{evil.signing.own_key(), 5};
  const membership::ShuffleReply many{membership::Contacts(limits::contacts_per_message_max + 1, contact(record_of_evil()))};
  const peer::Message garbage[] = {
      wrap(many),
      wrap(gossip::IHave{std::vector(gossip::holdings_per_message_max + 1, gossip::Holding{origin, 1, 1})}),
      wrap(gossip::Summary{std::vector(gossip::holdings_per_message_max + 1, gossip::Holding{origin, 1, 1}), true}),
      wrap(gossip::Graft{origin, std::vector(gossip::ranges_per_graft_max + 1, gossip::Range{1, 1})}),
      peer::Membership{Bytes(7, std::byte{0xff})},
      peer::Gossip{Bytes(7, std::byte{0xff})},
  };
  std::uint8_t number = 1;
  for (const peer::Message& each : garbage) {
    EXPECT_EQ(closed_by(each), LinkCode::bad_message) << int{number};
    world.pass(11s);
    link = join(evil, ++number);
  }
  const Bytes huge(gossip::Config{}.payload_bytes_max + 1);
  EXPECT_EQ(closed_by(wrap(gossip::Gossip{origin, 1, 1, std::make_shared<const Bytes>(huge)})), LinkCode::misbehaved);
}

TEST_F(HostileMember, StormsAreCountedAndEndTheLink) {
  Daemon& other = *world.daemons[1];
  const gossip::OriginId origin{other.signing.own_key(), other.config.boot_epoch};
  const auto storm = [&](auto make, std::size_t at_most) {
    for (std::size_t i = 0; i < at_most; ++i)
      if (const auto code = closed_by(wrap(make(i)))) return code;
    return std::optional<LinkCode>{};
  };
  EXPECT_EQ(storm([&](std::size_t) { return gossip::Graft{origin, {{1, 1'000'000}}}; }, 300), LinkCode::misbehaved);
  world.pass(11s);
  link = join(evil, 2);
  EXPECT_EQ(storm([&](std::size_t) { return gossip::Prune{origin}; }, 5'000), LinkCode::misbehaved);
  world.pass(11s);
  link = join(evil, 3);
  const auto announce = [&](std::size_t i) {  // of what does not exist
    gossip::IHave all;
    for (std::size_t each = 0; each < gossip::holdings_per_message_max; ++each) {
      PublicKey key;
      store_be(key.bytes.data(), static_cast<std::uint64_t>(i * gossip::holdings_per_message_max + each));
      all.holdings.push_back({{key, 1}, 1, 7});
    }
    return all;
  };
  EXPECT_EQ(storm(announce, 100), LinkCode::misbehaved);
  const gossip::Usage usage = victim->core->broadcasts().usage();
  EXPECT_LE(usage.unproven_origins, gossip::Config{}.unproven_origins_per_peer);
  EXPECT_GT(victim->core->broadcasts().counters().refused_rate + victim->core->broadcasts().counters().refused_origins, 0u);
}

TEST_F(HostileMember, TwentyNeighboursByForceLeaveTheHonestOnes) {
  std::vector<std::unique_ptr<PlayedPeer>> more;
  for (const std::size_t count : {std::size_t{10}, std::size_t{20}}) {
    for (std::size_t i = 0; i < count; ++i) {
      more.push_back(std::make_unique<PlayedPeer>(static_cast<std::uint8_t>(70 + more.size())));
      join(*more.back(), static_cast<std::uint8_t>(10 + more.size()));
      EXPECT_GE(honest_neighbours(), 2u);
      EXPECT_LE(victim->core->overlay().view().active().size(), membership::Config{}.active_size);
    }
  }
}

TEST_F(HostileMember, HighRequestsOfOneNetworkAreGrantedOnceInTenSeconds) {
  const auto refused = victim->core->overlay().counters().high_refused;
  for (std::uint8_t i = 0; i < 10; ++i) {
    const PlayedPeer another{static_cast<std::uint8_t>(100 + i)};
    const LinkId made = another.connect(*victim, "77.0.0.1:9100", static_cast<std::uint8_t>(100 + i));
    another.hello(*victim, made, static_cast<std::uint8_t>(100 + i), {name("evil@y" + std::to_string(i))});
    PlayedPeer::say(*victim, made, wrap(membership::Neighbor{membership::Priority::high}));
  }
  EXPECT_GT(victim->core->overlay().counters().high_refused, refused);
  EXPECT_EQ(honest_neighbours(), 2u);
}

TEST_F(HostileMember, AccusationsAreLimitedAndTheAccusedLive) {
  const gossip::OriginId origin{evil.signing.own_key(), 5};
  for (std::uint64_t number = 1; number <= 100; ++number) {
    Daemon& accused = *world.daemons[1 + number % 2];
    Writer body;
    body.raw(accused.signing.own_key().bytes).u64(accused.config.boot_epoch).u64(number / 2);
    const Bytes payload = sign_broadcast({"default", 5, number}, BroadcastKind::suspicion, body.take(), evil.signing);
    PlayedPeer::say(*victim, link, wrap(gossip::Gossip{origin, number, number, std::make_shared<const Bytes>(payload)}));
  }
  world.pass(3min);
  for (const auto& watching : world.daemons)
    for (const auto& watched : world.daemons)
      EXPECT_TRUE(watching == watched || watching->core->lives().is_living(watched->signing.own_key()));
}

}  // namespace
}  // namespace bp2p::test
