// The overlay as the core runs it: joining, neighbours, broadcasts and leaving, between real cores.
#include <gtest/gtest.h>

#include "proto/membership/hyparview.h"
#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

Term tuple(std::string_view what, Term argument) { return Term::tuple({Term::atom(what), std::move(argument)}); }

struct Overlay : testing::Test {
  World world{7};
  std::vector<SessionId> nodes;

  static std::string host(std::size_t i) { return "10.0.1." + std::to_string(i + 1) + ":9100"; }
  static std::string node_name(std::size_t i) { return "n" + std::to_string(i) + "@h" + std::to_string(i); }

  Daemon& at(std::size_t i) { return *world.daemons[i]; }
  /// `count` daemons with a node each; all but the first join through it.
  void cluster(std::size_t count, CoreConfig config = {.link_linger = 1min}) {
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) config.contacts = {address(host(0))};
      world.add(static_cast<std::uint8_t>(i + 1), host(i), config);
      nodes.push_back(at(i).attach(name(node_name(i))));
      at(i).ask(nodes[i], tuple("subscribe", Term::atom("neighbours")));
    }
  }
  std::vector<std::string> names(std::size_t i, std::string_view view) {
    const Term answer = at(i).ask(nodes[i], Term::atom(view));
    std::vector<std::string> out;
    for (const Term& each : std::get<List>(std::get<Tuple>(answer.value).items[1].value).items)
      out.emplace_back(as_text(std::get<Binary>(each.value).bytes));
    return out;
  }
  void broadcast(std::size_t from, std::string_view tag, std::string_view payload) {
    const Bytes frame = local::encode(local::Broadcast{9, as_bytes(tag), as_bytes(payload)});
    at(from).with([&](Core& to, Now now, Effects& out) { to.on_session_frame(nodes[from], frame, now, out); });
    EXPECT_EQ(at(from).answers[nodes[from]].back(), Term::atom("ok"));
  }
  void subscribe(std::size_t i, std::string_view tag) {
    EXPECT_EQ(at(i).ask(nodes[i], tuple("subscribe", tuple("broadcast", Term::binary(tag)))), Term::atom("ok"));
  }
};

TEST_F(Overlay, TwoDaemonsBecomeNeighboursByAJoin) {
  cluster(2);
  world.pass(2s);
  EXPECT_EQ(names(0, "active_view"), std::vector{node_name(1)});
  EXPECT_EQ(names(1, "active_view"), std::vector{node_name(0)});
  EXPECT_EQ(at(1).heard_events[nodes[1]], (std::vector<std::string>{"joined", "{peer_up,<<\"n0@h0\">>}"}));
  EXPECT_EQ(at(0).heard_events[nodes[0]], (std::vector<std::string>{"joined", "{peer_up,<<\"n1@h1\">>}"}));
  for (const std::size_t i : {0u, 1u}) EXPECT_EQ(at(i).count_of("overlay.joined"), 1u) << i;
}

TEST_F(Overlay, ANodeAsksItsDaemonToJoinByANodesName) {
  world.add(1, host(0));
  world.add(2, host(1));
  nodes = {at(0).attach(name("a@h0")), at(1).attach(name("b@h1"))};
  at(1).book[name("a@h0")] = {at(0).at};
  EXPECT_EQ(at(1).ask(nodes[1], tuple("join", Term::binary("b@h1"))), tuple("error", Term::atom("cannot_join_self")));
  EXPECT_EQ(at(1).ask(nodes[1], tuple("join", Term::binary("no name"))), tuple("error", Term::atom("bad_name")));
  EXPECT_EQ(at(1).ask(nodes[1], tuple("join", Term::binary("a@h0"))), Term::atom("ok"));
  world.pass(1s);
  EXPECT_EQ(names(0, "active_view"), std::vector<std::string>{"b@h1"});
}

TEST_F(Overlay, TwelveDaemonsHaveFiveNeighboursEachAndKnowEverybody) {
  cluster(12);
  world.pass(5min);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_GE(names(i, "active_view").size(), 3u) << i << ": the others may all be full";
    EXPECT_LE(names(i, "active_view").size(), 5u) << i;
    EXPECT_EQ(names(i, "active_view").size() + names(i, "passive_view").size(), 11u) << i;
  }
}

TEST_F(Overlay, I10ABroadcastReachesEverySubscriberOnceAndInOrder) {
  cluster(12);
  world.pass(1min);
  for (std::size_t i = 0; i < 12; ++i)
    if (i != 5) subscribe(i, "t");
  for (int round = 0; round < 20; ++round) broadcast(round % 2 == 0 ? 0 : 7, "t", "m" + std::to_string(round));
  EXPECT_EQ(at(5).ask(nodes[5], tuple("unsubscribe", Term::atom("broadcasts"))), Term::atom("ok"));
  EXPECT_EQ(at(11).ask(nodes[11], tuple("subscribe", Term::atom("broadcasts"))), Term::atom("ok"));
  broadcast(3, "other", "for who hears every tag");
  world.pass(2s);
  EXPECT_EQ(std::erase(at(11).delivered[nodes[11]], std::pair<std::string, std::string>{"other", "for who hears every tag"}), 1u);
  for (std::size_t i = 0; i < 12; ++i) {
    std::vector<std::string> even, odd;
    for (const auto& [tag, payload] : at(i).delivered[nodes[i]]) {
      EXPECT_EQ(tag, "t");
      (std::stoi(payload.substr(1)) % 2 == 0 ? even : odd).push_back(payload);
    }
    const std::size_t expected = i == 5 ? 0 : 10;
    ASSERT_EQ(even.size(), expected) << i;
    ASSERT_EQ(odd.size(), expected) << i;
    for (std::size_t n = 0; n < expected; ++n) {
      EXPECT_EQ(even[n], "m" + std::to_string(2 * n)) << i;
      EXPECT_EQ(odd[n], "m" + std::to_string(2 * n + 1)) << i;
    }
  }
}

TEST_F(Overlay, WhoLeavesIsNobodysNeighbourAndIsGoneInGoodOrder) {
  cluster(4);
  world.pass(1min);
  for (auto& daemon : world.daemons) daemon->heard_events.clear();
  EXPECT_EQ(at(2).ask(nodes[2], Term::atom("leave")), Term::atom("ok"));
  world.pass(3min);
  EXPECT_TRUE(names(2, "active_view").empty());
  EXPECT_EQ(at(2).heard_events[nodes[2]].back(), "left");
  for (const std::size_t i : {0u, 1u, 3u}) {
    EXPECT_EQ(names(i, "active_view").size(), 2u) << i;
    EXPECT_EQ(at(i).heard_events[nodes[i]], (std::vector<std::string>{"{peer_down,<<\"n2@h2\">>,graceful}"})) << i;
  }
}

TEST_F(Overlay, AContactIsTriedUntilItIsThere) {
  world.add(1, host(0), {.contacts = {address(host(1))}});
  world.unreachable.insert(address(host(1)));
  nodes = {at(0).attach(name("a@h0"))};
  world.pass(45s);
  EXPECT_TRUE(at(0).said("overlay.join_failed"));
  world.unreachable.clear();
  world.add(2, host(1));
  nodes.push_back(at(1).attach(name("b@h1")));
  world.pass(30s);
  EXPECT_EQ(names(0, "active_view"), std::vector<std::string>{"b@h1"});
}

TEST_F(Overlay, I9TwoThatMetWhileTheirContactWasAwayDoNotStayForThemselves) {
  world.unreachable.insert(address(host(0)));
  world.add(2, host(1), {.contacts = {address(host(0)), name("n2@h2")}});
  world.add(3, host(2), {.contacts = {address(host(0)), address(host(1))}});
  for (std::size_t i = 0; i < 2; ++i) nodes.push_back(at(i).attach(name(node_name(i + 1))));
  world.pass(1min);
  EXPECT_EQ(names(0, "active_view"), std::vector<std::string>{"n2@h2"});
  world.unreachable.clear();
  world.add(1, host(0));
  nodes.push_back(at(2).attach(name(node_name(0))));
  world.pass(1min);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(names(i, "active_view").size(), 2u) << i;
  for (auto& daemon : world.daemons) EXPECT_EQ(daemon->core->lives().living(), 3u);
}

TEST_F(Overlay, WhoseContactsAreAllWithItDialsNobody) {
  cluster(3);
  world.pass(1min);
  for (auto& daemon : world.daemons) daemon->dials.clear();
  world.pass(10min);
  for (auto& daemon : world.daemons) EXPECT_TRUE(daemon->dials.empty());
}

TEST_F(Overlay, AContactBehindAnAddressThatIsInNobodysRecordIsFoundOnce) {
  const Address known_as = address("192.0.2.1:9100");
  world.leads_to[known_as] = address(host(0));
  world.add(1, host(0), {.contacts = {known_as}});
  world.add(2, host(1), {.contacts = {known_as}});
  world.pass(1min);
  ASSERT_EQ(at(1).core->lives().living(), 2u);
  for (auto& daemon : world.daemons) daemon->dials.clear();
  world.pass(10min);
  for (auto& daemon : world.daemons) EXPECT_TRUE(daemon->dials.empty());
}

TEST_F(Overlay, I9AContactThatLostItsDiskIsFoundThoughItsOldKeyIsNotHeldDownYet) {
  CoreConfig config{.contacts = {address(host(0))}};
  config.membership.suspicion_min = 1h;
  for (std::uint8_t i = 0; i < 3; ++i) world.add(static_cast<std::uint8_t>(i + 1), host(i), config);
  world.pass(1min);
  ASSERT_EQ(at(1).core->lives().living(), 3u);
  Daemon& anew = world.add(9, "10.0.2.9:9100");
  world.leads_to[at(0).at] = anew.at;
  world.mute(at(0));
  world.pass(2min);
  ASSERT_EQ(at(1).core->lives().status(at(0).signing.own_key()), membership::Suspicions::Status::suspected);
  for (const std::size_t i : {1u, 2u}) EXPECT_TRUE(at(i).core->lives().is_living(anew.signing.own_key())) << i;
}

TEST_F(Overlay, LinksThatNobodyUsesAreClosedAndThoseOfNeighboursAreNot) {
  cluster(3);
  Daemon& stranger = world.add(9, "10.0.2.9:9100", {.link_linger = 1min});
  const SessionId node = stranger.attach(name("s@s"));
  stranger.book[name("n0@h0")] = {at(0).at};
  const SessionId leg = stranger.dial(node, "n0@h0");
  world.pass(5s);
  ASSERT_TRUE(stranger.is_ready(leg));
  world.pass(10min);
  EXPECT_EQ(stranger.core->status(world.now).links.size(), 1u) << "its channel stands";
  stranger.with([&](Core& to, Now now, Effects& out) { to.on_channel_closed(leg, now, out); });
  at(0).with([&](Core& to, Now now, Effects& out) { to.on_channel_closed(at(0).channels.back().leg, now, out); });
  world.pass(3min);
  EXPECT_TRUE(stranger.core->status(world.now).links.empty());
  EXPECT_EQ(at(0).core->status(world.now).links.size(), 2u) << "its neighbours'";
}

TEST_F(Overlay, AllHearOfADeathAndOfAReturn) {
  cluster(8);
  world.pass(1min);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(names(i, "members").size(), 8u) << i;
    at(i).ask(nodes[i], tuple("subscribe", Term::atom("members")));
  }
  for (auto& daemon : world.daemons) daemon->heard_events.clear();
  world.unreachable.insert(at(3).at);
  world.mute(at(3));
  world.pass(3min);
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == 3) continue;
    EXPECT_EQ(names(i, "members").size(), 7u) << i;
    EXPECT_EQ(std::ranges::count(at(i).heard_events[nodes[i]], "{member_down,<<\"n3@h3\">>,nodedown}"), 1) << i;
  }
  world.unreachable.clear();
  world.unmute(at(3));
  world.pass(5min);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(names(i, "members").size(), 8u) << i;
    const auto ups = std::ranges::count(at(i).heard_events[nodes[i]], "{member_up,<<\"n3@h3\">>}");
    EXPECT_EQ(ups, i == 3 ? 0 : 1) << i;
  }
}

TEST_F(Overlay, ADeathIsNoticedThoughKeepAlivesMissItBeforeTheLinksDo) {
  cluster(8);
  world.pass(1min);
  world.hush(at(3));
  world.pass(45s);
  for (const std::size_t i : {0u, 1u, 2u, 4u, 5u, 6u, 7u}) EXPECT_EQ(names(i, "members").size(), 8u) << i << ": its links stand";
  world.unreachable.insert(at(3).at);
  world.mute(at(3));
  world.pass(1min);
  for (const std::size_t i : {0u, 1u, 2u, 4u, 5u, 6u, 7u}) EXPECT_EQ(names(i, "members").size(), 7u) << i;
}

TEST_F(Overlay, ADeathIsNoticedByWhoeverHadALinkThoughNoNeighbour) {
  CoreConfig config{.link_linger = 10min};
  config.membership.active_size = 2;
  cluster(8, config);
  world.pass(2min);
  Daemon& dead = at(3);
  std::vector<Daemon*> linked;
  for (auto& daemon : world.daemons) {
    const auto is_to_it = [&](const LinkStatus& link) { return link.key == dead.signing.own_key(); };
    if (daemon.get() != &dead && !daemon->core->overlay().view().is_active(dead.signing.own_key()) &&
        std::ranges::any_of(daemon->core->status(world.now).links, is_to_it))
      linked.push_back(daemon.get());
    daemon->dials.clear();
  }
  ASSERT_FALSE(linked.empty()) << "all that have a link are neighbours: nothing is proven";
  world.unreachable.insert(dead.at);
  world.mute(dead);
  world.pass(10s);
  for (Daemon* daemon : linked) EXPECT_TRUE(std::ranges::contains(daemon->dials, dead.at, &Dial::to));
}

/// Upstream's words.
TEST_F(Overlay, WhyANeighbourIsNoneAnyMoreIsSaid) {
  CoreConfig config{.link_linger = 1min};
  config.membership.active_size = 2;
  cluster(8, config);  // who comes later takes the place of others
  world.pass(1min);
  const auto reasons = [&] {
    std::set<std::string> found;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      for (const std::string& event : at(i).heard_events[nodes[i]])
        if (event.starts_with("{peer_down,")) found.insert(event.substr(event.rfind(',')));
    return found;
  };
  EXPECT_TRUE(reasons().contains(",dropped}"));
  EXPECT_FALSE(reasons().contains(",nodedown}"));
  world.unreachable.insert(at(3).at);
  world.mute(at(3));
  world.pass(1min);
  EXPECT_TRUE(reasons().contains(",nodedown}"));
}

TEST_F(Overlay, ANodeHearsOfTheOthersOfItsHost) {
  cluster(2);
  world.pass(5s);
  at(0).ask(nodes[0], tuple("subscribe", Term::atom("members")));
  at(1).ask(nodes[1], tuple("subscribe", Term::atom("members")));
  for (auto& daemon : world.daemons) daemon->heard_events.clear();
  const SessionId another = at(0).attach(name("another@h0"));
  world.pass(5s);
  at(0).hang_up(another);
  world.pass(5s);
  const std::vector<std::string> there{"{member_up,<<\"another@h0\">>}", "{member_down,<<\"another@h0\">>,graceful}"};
  EXPECT_EQ(at(0).heard_events[nodes[0]], there);
  EXPECT_EQ(at(1).heard_events[nodes[1]],
            (std::vector<std::string>{"{peer_up,<<\"another@h0\">>}", there[0], "{peer_down,<<\"another@h0\">>,graceful}", there[1]}));
}

TEST_F(Overlay, NeighboursThatLoseTheirLinkFindOneAnotherAgain) {
  cluster(3);
  world.pass(1min);
  world.cut_all_links();
  world.pass(1min);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(names(i, "active_view").size(), 2u) << i;
}

TEST_F(Overlay, TheStatusHasNeighboursSparesAndHowManyMembersThereAre) {
  cluster(8);
  world.pass(2min);
  const OverlayStatus overlay = at(0).core->status(world.now).overlay;
  EXPECT_TRUE(overlay.is_joined);
  EXPECT_EQ(overlay.neighbours_wanted, 5u);
  ASSERT_FALSE(overlay.neighbours.empty());
  EXPECT_EQ(overlay.neighbours[0].names.size(), 1u);
  EXPECT_EQ(overlay.neighbours.size(), names(0, "active_view").size());
  EXPECT_EQ(overlay.spares.size(), names(0, "passive_view").size());
  EXPECT_EQ(overlay.members.alive, 8u);
  EXPECT_GE(overlay.book, overlay.neighbours.size());
  const auto members = at(0).core->members();
  ASSERT_EQ(members.size(), 8u);
  EXPECT_TRUE(members[0].is_self);
  EXPECT_EQ(members[0].names, std::vector{name(node_name(0))});

  world.unreachable.insert(at(7).at);
  world.mute(at(7));
  world.pass(3min);
  EXPECT_EQ(at(0).core->status(world.now).overlay.members.down, 1u);
  const auto peer = at(0).core->peer(node_name(7), world.now);
  ASSERT_TRUE(peer);
  ASSERT_EQ(peer->daemons.size(), 1u);
  EXPECT_EQ(peer->daemons[0].as_member, membership::Suspicions::Status::down);
  EXPECT_EQ(peer->daemons[0].addresses, std::vector{address(host(7))});
  EXPECT_TRUE(at(0).core->peer(at(0).signing.show(key_of(8)), world.now));
  EXPECT_TRUE(at(0).core->peer(node_name(0), world.now)->daemons[0].is_self);
}

TEST_F(Overlay, AHostThatGetsANetworkLaterIsReachedThere) {
  cluster(3);
  world.pass(1min);
  const Address moved = address("10.0.9.9:9100");
  at(1).with([&](Core& core, Now now, Effects& out) { core.on_addresses({moved}, now, out); });
  world.pass(5s);
  for (const std::size_t i : {0u, 2u}) EXPECT_EQ(at(i).core->peer(node_name(1), world.now)->daemons.at(0).addresses, std::vector{moved}) << i;
  at(1).with([&](Core& core, Now now, Effects& out) { core.on_addresses({moved}, now, out); });
  EXPECT_EQ(count<SendToLink>(at(1).last), 0u) << "nothing is said while nothing changes";
}

TEST_F(Overlay, RecordsAreRenewedLongBeforeTheyExpireWhateverLinksComeAndGo) {
  cluster(3);
  const auto is_good = [&](const Bytes& record, const Daemon& by) {
    return verify_record(record, {std::nullopt, "default", world.now.wall}, by.signing).has_value();
  };
  for (int hour = 5; hour <= 25; hour += 5) {
    world.pass(5h - 1min);
    Daemon& visitor = world.add(static_cast<std::uint8_t>(100 + hour), "10.0.2." + std::to_string(hour) + ":9100");
    const SessionId node = visitor.attach(name("v" + std::to_string(hour) + "@v"));
    visitor.book[name("n0@h0")] = {at(0).at};
    const SessionId leg = visitor.dial(node, "n0@h0");
    world.pass(1min);
    EXPECT_TRUE(visitor.is_ready(leg)) << hour;
    world.mute(visitor);
    for (std::size_t i = 0; i < 3; ++i)
      for (const membership::SavedContact& each : at(i).core->address_book(world.now))
        EXPECT_TRUE(is_good(*each.contact->record, at(i))) << "in hour " << hour << ", at " << i;
  }
  for (const auto& daemon : world.daemons)
    for (const auto& [link, code] : daemon->links_closed_by_us) EXPECT_NE(code, LinkCode::bad_record);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(names(i, "members").size(), 3u) << i;
}

TEST_F(Overlay, TheStatusSaysThatADaemonHasLeft) {
  cluster(3);
  world.pass(1min);
  at(1).with([](Core& core, Now now, Effects& out) { core.on_leave(now, out); });
  world.pass(1min);
  EXPECT_FALSE(at(1).core->status(world.now).overlay.is_joined);
  EXPECT_TRUE(at(1).core->status(world.now).overlay.neighbours.empty());
  EXPECT_EQ(at(0).core->status(world.now).overlay.members.left, 1u);
}

}  // namespace
}  // namespace bp2p::test
