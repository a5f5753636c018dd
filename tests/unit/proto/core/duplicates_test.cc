// Two daemons and more than one link between them.
#include "proto/membership/codec.h"
#include "proto/membership/hyparview.h"
#include "tests/unit/proto/core/played_peer.h"
#include "tests/unit/proto/core/world.h"

namespace bp2p::test {
namespace {

struct Pair {
  explicit Pair(std::uint64_t seed, std::uint8_t key_a = 1, std::uint8_t key_b = 2)
      : world(seed), a(world.add(key_a, "10.0.0.1:9100")), b(world.add(key_b, "10.0.0.2:9100")) {
    a.book[name("b@h")] = {b.at};
    b.book[name("a@h")] = {a.at};
    node_a = a.attach(name("a@h"));
    node_b = b.attach(name("b@h"));
  }
  Status status(const Daemon& daemon) const { return daemon.core->status(world.now); }
  World world;
  Daemon& a;
  Daemon& b;
  SessionId node_a, node_b;
};

TEST(TwoLinks, BothDialAtOnceEndsWithOneLinkAndBothAreAnswered) {
  int with_duplicates = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed, seed % 2 == 0 ? 1 : 3);
    pair.world.translates_ports = seed % 4 >= 2;  // then a dial cannot be told to lead to the peer of a link
    std::vector<std::pair<Daemon*, SessionId>> legs;
    for (std::uint64_t i = 0; i < 3; ++i) {
      pair.world.post("start", 2 * i, [&] { legs.emplace_back(&pair.a, pair.a.dial(pair.node_a, "b@h")); });
      pair.world.post("start", 2 * i + 1, [&] { legs.emplace_back(&pair.b, pair.b.dial(pair.node_b, "a@h")); });
    }
    pair.world.pass(3s);

    ASSERT_EQ(legs.size(), 6u);
    for (const auto& [daemon, leg] : legs)
      ASSERT_TRUE(daemon->is_ready(leg)) << daemon->refused(leg).value_or(local::Refused{}).text;
    const Status status_a = pair.status(pair.a), status_b = pair.status(pair.b);
    ASSERT_EQ(status_a.links.size(), 1u);
    ASSERT_EQ(status_b.links.size(), 1u);
    ASSERT_EQ(status_a.channels.size(), 6u);
    ASSERT_EQ(status_b.channels.size(), 6u);
    ASSERT_FALSE(testing::Test::HasFailure());
    if (!pair.a.links_closed_by_us.empty() || !pair.b.links_closed_by_us.empty()) ++with_duplicates;
  }
  EXPECT_GT(with_duplicates, 200) << "the runs hardly ever made two links: they prove nothing";
}

// Membership tells two daemons of one another at once (Handover): both dial, and one of the links goes.
TEST(TwoLinks, ANeighbourIsNotLostWithOneOfThem) {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  const PlayedPeer peer{2};
  const LinkId one = peer.connect(a, "10.0.0.2:9100", 1);
  peer.hello(a, one, 1, {name("b@h")});
  PlayedPeer::say(a, one, peer::Membership{membership::encode(membership::Neighbor{membership::Priority::low})});
  const auto is_neighbour = [&] { return a.core->overlay().view().is_active(peer.signing.own_key()); };
  ASSERT_TRUE(is_neighbour());
  const auto closes = [&](LinkId link) {
    a.with([&](Core& core, Now now, Effects& out) {
      core.on_link_closed(link, {LinkEnd::How::closed_by_peer, static_cast<std::uint64_t>(LinkCode::duplicate), ""}, now, out);
    });
    world.run();
  };
  const LinkId another = peer.connect(a, "10.0.0.2:9100", 2);
  closes(one);
  EXPECT_TRUE(is_neighbour());
  peer.hello(a, another, 2, {name("b@h")});
  EXPECT_TRUE(is_neighbour());
  EXPECT_FALSE(a.said("overlay.neighbour_gone"));

  const LinkId third = peer.connect(a, "10.0.0.2:9100", 3);
  closes(another);
  EXPECT_TRUE(is_neighbour());
  closes(third);  // it never said HELLO
  EXPECT_FALSE(is_neighbour());
}

TEST(TwoLinks, TheLinkDialledByTheSmallerKeyIsTheOneToUse) {
  Pair pair(7);
  pair.world.translates_ports = true;
  const SessionId leg_a = pair.a.dial(pair.node_a, "b@h");
  const SessionId leg_b = pair.b.dial(pair.node_b, "a@h");
  pair.world.pass(3s);
  ASSERT_TRUE(pair.a.is_ready(leg_a) && pair.b.is_ready(leg_b));
  ASSERT_EQ(pair.status(pair.a).links.size(), 1u);
  EXPECT_TRUE(pair.status(pair.a).links[0].dialled_here);  // a's key is the smaller one
  for (const auto& [link, code] : pair.a.links_closed_by_us) EXPECT_EQ(code, LinkCode::duplicate);
}

TEST(TwoLinks, ALinkThatCarriesChannelsIsClosedWhenTheLastOfThemEnds) {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  const SessionId node = a.attach(name("a@h"));
  const PlayedPeer peer{2};
  const LinkId old_link = peer.connect(a, "10.0.0.2:9100", 1);
  peer.hello(a, old_link, 1, {name("b@h")}, 5);
  a.with([&](Core& core, Now now, Effects& out) {
    core.on_link_message(old_link, LinkStream::link, peer::encode(peer::ChannelOpen{0, name("b@h"), name("a@h"), {}}), now, out);
  });
  world.run();
  ASSERT_EQ(a.channels.size(), 1u);

  world.pass(11s);  // the newer of two links wins when the older has stood for 10 s
  const LinkId new_link = peer.connect(a, "10.0.0.2:9100", 2);
  peer.hello(a, new_link, 2, {name("b@h")}, 5);
  EXPECT_EQ(a.core->status(world.now).links.size(), 2u);
  a.with([&](Core& core, Now now, Effects& out) {  // nothing new is opened on the old one
    core.on_link_message(old_link, LinkStream::link, peer::encode(peer::ChannelOpen{2, name("b@h"), name("a@h"), {}}), now, out);
  });
  ASSERT_EQ(a.last.size(), 1u);
  const auto answer = peer::decode(std::get<SendToLink>(a.last[0]).message);
  EXPECT_EQ(std::get<peer::ChannelRefused>(*answer).code, RefuseCode::moved);

  a.with([&](Core& core, Now now, Effects& out) { core.on_channel_closed(a.channels[0].leg, now, out); });
  EXPECT_EQ(a.links_closed_by_us.at(old_link), LinkCode::duplicate);
  ASSERT_EQ(a.core->status(world.now).links.size(), 1u);
  EXPECT_EQ(a.core->status(world.now).links[0].link, new_link);
  (void)node;
}

TEST(TwoLinks, ADaemonThatWasRestartedReplacesItsOlderSelf) {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  const PlayedPeer peer{2};
  const LinkId before = peer.connect(a, "10.0.0.2:9100", 1);
  peer.hello(a, before, 1, {name("b@h")}, 5);
  const LinkId after = peer.connect(a, "10.0.0.2:9100", 2);
  peer.hello(a, after, 2, {name("b@h")}, 6);
  EXPECT_EQ(a.links_closed_by_us.at(before), LinkCode::duplicate);
  ASSERT_EQ(a.core->status(world.now).links.size(), 1u);
  EXPECT_EQ(a.core->status(world.now).links[0].link, after);
  EXPECT_FALSE(a.said("identity.shared")) << "a restart is nothing to warn of";
}

TEST(TwoLinks, TwoDaemonsWithOneKeyAreNoticed) {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  const PlayedPeer peer{2};
  const LinkId one = peer.connect(a, "10.0.0.2:9100", 1);
  peer.hello(a, one, 1, {name("b@h")}, 6);
  const LinkId another = peer.connect(a, "10.0.0.3:9100", 2);
  peer.hello(a, another, 2, {name("c@h")}, 5);
  EXPECT_EQ(a.links_closed_by_us.at(another), LinkCode::duplicate);
  EXPECT_TRUE(a.said("identity.shared"));
  ASSERT_EQ(a.core->status(world.now).links.size(), 1u);
  EXPECT_EQ(a.core->status(world.now).links[0].link, one);
}

TEST(TwoLinks, WhenTheBetterLinkComesToNothingTheOtherOneIsAskedAgain) {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  const SessionId node = a.attach(name("a@h"));
  const PlayedPeer peer{2};
  const LinkId link = peer.connect(a, "10.0.0.2:9100", 1);
  peer.hello(a, link, 1, {name("b@h")}, 5);
  const SessionId leg = a.dial(node, "b@h");
  const auto opened = peer::decode(std::get<SendToLink>(a.last.back()).message);
  const auto channel = std::get<peer::ChannelOpen>(*opened).channel;
  a.with([&](Core& core, Now now, Effects& out) {
    core.on_link_message(link, LinkStream::link, peer::encode(peer::ChannelRefused{channel, RefuseCode::moved, ""}), now, out);
  });
  EXPECT_FALSE(a.refused(leg).has_value());
  std::size_t asked = 0;
  world.pass(1500ms);
  for (const Effect& effect : a.last)
    if (const auto* send = std::get_if<SendToLink>(&effect))
      asked += std::holds_alternative<peer::ChannelOpen>(*peer::decode(send->message)) ? 1 : 0;
  EXPECT_EQ(asked, 1u);
}

TEST(TwoLinks, OneKeyMayNotHoldMoreLinksThanFour) {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  const PlayedPeer peer{2};
  LinkId last{};
  for (std::uint8_t i = 1; i <= 5; ++i) last = peer.connect(a, "10.0.0.2:9100", i);
  EXPECT_EQ(a.links_closed_by_us.size(), 1u);
  EXPECT_EQ(a.links_closed_by_us.at(last), LinkCode::duplicate);
}

}  // namespace
}  // namespace bp2p::test
