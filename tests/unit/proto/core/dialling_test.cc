// From DIAL to READY: where a name leads, what is tried, what a node hears when nothing comes of it, and what is
// dialled again.
#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

struct Dialling : testing::Test {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  Daemon& b = world.add(2, "10.0.0.2:9100");
  SessionId node = a.attach(name("a@h"));

  void SetUp() override { a.book[name("b@h")] = {b.at}; }
  std::size_t links_of(const Daemon& daemon) const { return daemon.core->status(world.now).links.size(); }
};

TEST_F(Dialling, ANameLeadsToAnAddressALinkAndAChannel) {
  b.attach(name("b@h"));
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  ASSERT_TRUE(a.is_ready(leg));
  ASSERT_EQ(a.channels.size(), 1u);
  ASSERT_EQ(b.channels.size(), 1u);
  EXPECT_EQ(a.channels[0].leg, leg);
  EXPECT_TRUE(a.channels[0].opened_here);
  EXPECT_EQ(a.channels[0].channel % 2, 0u) << "even by the connection's client";
  EXPECT_EQ(a.channels[0].channel, b.channels[0].channel);
  EXPECT_EQ(a.channels[0].names.local, name("a@h"));
  EXPECT_EQ(a.channels[0].names.remote, name("b@h"));
  EXPECT_EQ(b.channels[0].names.local, name("b@h"));
  EXPECT_EQ(b.channels[0].names.remote, name("a@h"));
  EXPECT_EQ(**a.pins.at(name("b@h")), key_of(2));
  EXPECT_EQ(**b.pins.at(name("a@h")), key_of(1));
}

TEST_F(Dialling, TheAcceptorsDataRoadKnowsTheChannelBeforeThePeerHears) {
  b.attach(name("b@h"), false);
  a.dial(node, "b@h");
  world.run();
  b.say(local::encode(local::Accept{b.told.at(0).ticket}));
  ASSERT_EQ(b.last.size(), 3u);  // of the ACCEPT: READY, StartChannel, ChannelOpened
  EXPECT_TRUE(std::holds_alternative<SendToSession>(b.last[0]));
  EXPECT_TRUE(std::holds_alternative<StartChannel>(b.last[1]));
  EXPECT_TRUE(std::holds_alternative<SendToLink>(b.last[2]));
}

TEST_F(Dialling, ASecondDialUsesTheLinkThereIs) {
  b.attach(name("b@h"));
  const SessionId other = a.attach(name("c@h"));
  a.dial(node, "b@h");
  a.dial(other, "b@h");
  world.run();
  const SessionId third = a.dial(other, "b@h");
  world.run();
  EXPECT_TRUE(a.is_ready(third));
  EXPECT_EQ(a.dials.size(), 1u);
  EXPECT_EQ(links_of(a), 1u);
  EXPECT_EQ(a.channels.size(), 3u);
}

TEST_F(Dialling, ALinkThatThePeerMadeServesAsWell) {
  const SessionId node_b = b.attach(name("b@h"));
  b.book[name("a@h")] = {a.at};
  b.dial(node_b, "a@h");
  world.run();
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  EXPECT_TRUE(a.is_ready(leg));
  EXPECT_TRUE(a.dials.empty());
}

TEST_F(Dialling, ANodeThatAttachedAfterTheLinkWasMadeIsReached) {
  b.attach(name("first@h"));
  a.book[name("first@h")] = {b.at};
  a.dial(node, "first@h");
  world.run();
  b.attach(name("b@h"));
  const SessionId leg = a.dial(node, "b@h");  // the update of b's record is still on its way
  world.run();
  EXPECT_TRUE(a.is_ready(leg));
  EXPECT_EQ(a.dials.size(), 1u);
}

TEST_F(Dialling, AnUnknownNameIsRefusedAtOnce) {
  const SessionId leg = a.dial(node, "who@nowhere");
  world.run();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::unknown_node);
}

TEST_F(Dialling, ADaemonWithoutTheNodeSaysSo) {
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::no_such_node);
  EXPECT_EQ(links_of(a), 1u);
}

TEST_F(Dialling, AnAddressThatDoesNotAnswerIsNamed) {
  world.unreachable.insert(b.at);
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::unreachable);
  EXPECT_NE(a.refused(leg)->text.find("10.0.0.2:9100"), std::string::npos);
}

TEST_F(Dialling, TheNextAddressIsTriedAfterAFailure) {
  b.attach(name("b@h"));
  a.book[name("b@h")] = {address("10.9.9.9:9100"), b.at};
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  EXPECT_TRUE(a.is_ready(leg));
  EXPECT_EQ(a.dials.size(), 2u);
}

TEST_F(Dialling, ManyDeadAddressesDoNotKeepTheLivingOneFromItsTurn) {
  const SessionId id{world.next_id()};
  Effects out;
  a.core->on_session_opened(id, {.uid = 1000}, world.now, out);
  a.core->on_session_frame(id, local::encode(local::Dial{a.attached(node).token, name("far@h")}), world.now, out);
  const auto resolve = std::ranges::find_if(out, [](const Effect& each) { return std::holds_alternative<Resolve>(each); });
  ASSERT_NE(resolve, out.end());
  std::vector<Address> addresses;
  for (int i = 0; i < 16; ++i) addresses.push_back(address("10.9.9." + std::to_string(i) + ":9100"));
  const ResolveId asked = std::get<Resolve>(*resolve).resolve;
  out.clear();
  const TimePoint end = world.now.steady + 5s;  // two seconds before the node gives up
  a.core->on_resolved(asked, addresses, world.now, out);
  while (a.core->next_deadline() <= end) {
    world.advance_to(a.core->next_deadline());
    a.core->on_time(world.now, out);
  }
  EXPECT_EQ(count<Dial>(out), 16u);
}

TEST_F(Dialling, ADaemonThatIsAskedAndSaysNothingDoesNotKeepTheOthersFromTheirTurn) {
  const PlayedPeer silent{66};
  const LinkId link = silent.connect(a, "10.0.0.66:9100", 1);
  silent.hello(a, link, 1, {name("silent@s")});
  b.attach(name("b@h"));
  a.book[name("b@h")] = {address("10.0.0.66:9100"), b.at};
  const SessionId leg = a.dial(node, "b@h");
  world.pass(6s);
  EXPECT_TRUE(a.is_ready(leg));
}

TEST_F(Dialling, TheNextAddressIsTriedAfter2500msOfSilenceAndTheFirstDialIsCancelledThen) {
  b.attach(name("b@h"));
  Daemon& lonely = world.add(9, "10.0.0.9:9100");
  const SessionId caller = lonely.attach(name("l@h"));
  SessionId leg{};
  // Nobody performs these effects: the first address stays silent.
  const SessionId id{world.next_id()};
  Effects out;
  lonely.core->on_session_opened(id, {.uid = 1000}, world.now, out);
  lonely.core->on_session_frame(id, local::encode(local::Dial{lonely.attached(caller).token, name("b@h")}), world.now, out);
  const auto resolve = std::ranges::find_if(out, [](const Effect& each) { return std::holds_alternative<Resolve>(each); });
  ASSERT_NE(resolve, out.end());
  const ResolveId asked = std::get<Resolve>(*resolve).resolve;
  out.clear();
  lonely.core->on_resolved(asked, {address("10.9.9.9:9100"), b.at}, world.now, out);
  ASSERT_EQ(count<Dial>(out), 1u);
  const DialId first = std::get<Dial>(out.at(0)).dial;
  EXPECT_EQ(lonely.core->next_deadline() - world.now.steady, 2500ms);
  world.advance_to(world.now.steady + 2500ms);
  lonely.with([](Core& core, Now now, Effects& effects) { core.on_time(now, effects); });
  ASSERT_EQ(count<Dial>(lonely.last), 1u);
  world.run();
  leg = id;
  EXPECT_TRUE(lonely.is_ready(leg));
  (void)first;
}

TEST_F(Dialling, EverythingIsAnsweredWithinTheBudget) {
  b.attach(name("b@h"), false);  // never accepts; b says so after 5 s
  const SessionId leg = a.dial(node, "b@h");
  world.pass(5100ms);
  EXPECT_EQ(a.refused_code(leg), RefuseCode::not_listening);

  Daemon& silent = world.add(5, "10.0.0.5:9100");
  const SessionId caller = silent.attach(name("s@h"));
  const SessionId id{world.next_id()};
  Effects out;
  silent.core->on_session_opened(id, {.uid = 1000}, world.now, out);
  silent.core->on_session_frame(id, local::encode(local::Dial{silent.attached(caller).token, name("b@h")}), world.now, out);
  world.pass(7s);  // the look-up is never answered
  EXPECT_EQ(silent.refused_code(id), RefuseCode::timed_out);
  EXPECT_EQ(silent.core->next_deadline(), never);
}

TEST_F(Dialling, ANodeThatHangsUpTakesItsRequestBack) {
  b.attach(name("b@h"), false);
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  ASSERT_EQ(b.told.size(), 1u);
  a.hang_up(leg);
  world.run();
  EXPECT_EQ(b.refused_code(b.say(local::encode(local::Accept{b.told[0].ticket}))), RefuseCode::bad_ticket);
}

TEST_F(Dialling, ACancelThatCrossesTheAnswerEndsTheChannelAtTheOtherEnd) {
  b.attach(name("b@h"), false);
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  const SessionId accepted = b.say(local::encode(local::Accept{b.told[0].ticket}));  // ChannelOpened is on its way
  a.hang_up(leg);
  world.run();
  EXPECT_TRUE(b.closed.contains(accepted));
  EXPECT_TRUE(b.core->status(world.now).channels.empty());
  EXPECT_TRUE(a.channels.empty());
}

TEST_F(Dialling, ADialNobodyWaitsForIsCancelled) {
  const SessionId leg = a.dial(node, "b@h");
  while (a.dials.empty()) ASSERT_TRUE(world.move_one());
  a.hang_up(leg);
  EXPECT_EQ(count<CancelDial>(a.last), 1u);
}

TEST_F(Dialling, ALinkLostWhileAChannelIsAskedForIsToldWithItsReason) {
  b.attach(name("b@h"), false);
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  world.cut_all_links();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::unreachable);
  EXPECT_NE(a.refused(leg)->text.find("lost"), std::string::npos);
  EXPECT_EQ(b.refused_code(b.say(local::encode(local::Accept{b.told[0].ticket}))), RefuseCode::bad_ticket);
}

TEST_F(Dialling, APeerThatRefusesOurKeyIsNotTrusted) {
  b.attach(name("b@h"));
  b.pins[name("a@h")] = PinRead{key_of(77)};
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::not_trusted);
}

TEST_F(Dialling, OurOwnAddressMeansThatNobodyIsThere) {
  a.book[name("ghost@h")] = {a.at};
  const SessionId leg = a.dial(node, "ghost@h");
  world.run();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::no_such_node);
  EXPECT_EQ(links_of(a), 0u);
}

TEST_F(Dialling, APeersChannelNumbersAreItsOwnAndNeverRepeat) {
  const PlayedPeer peer{66};
  const auto closed_after = [&](std::uint8_t exporter, std::vector<std::uint64_t> channels) {
    const LinkId link = peer.connect(a, "10.0.0.66:9100", exporter);
    peer.hello(a, link, exporter, {name("p@h")});
    for (const std::uint64_t channel : channels) peer.say(a, link, peer::ChannelOpen{channel, name("p@h"), name("a@h"), {}});
    const bool closed = a.links_closed_by_us.contains(link);
    if (!closed)
      a.with([&](Core& core, Now now, Effects& out) { core.on_link_closed(link, {LinkEnd::How::lost, 0, ""}, now, out); });
    return closed;
  };
  EXPECT_FALSE(closed_after(1, {0, 2, 8}));
  EXPECT_TRUE(closed_after(2, {1})) << "odd is ours";
  EXPECT_TRUE(closed_after(3, {4, 4}));
  EXPECT_TRUE(closed_after(4, {4, 2}));
}

TEST_F(Dialling, OneLinkHoldsOnlySoManyRequests) {
  a.attach(name("busy@h"), false);
  const PlayedPeer peer{66};
  const LinkId link = peer.connect(a, "10.0.0.66:9100", 1);
  peer.hello(a, link, 1, {name("p@h")});
  std::optional<peer::ChannelRefused> refusal;
  std::uint64_t asked = 0;
  for (; asked < 1000 && !refusal; ++asked) {
    peer.send(a, link, peer::ChannelOpen{2 * asked, name("p@h"), name("busy@h"), {}});
    refusal = one_sent_to<peer::ChannelRefused>(a, link);
  }
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefuseCode::too_many);
  EXPECT_EQ(asked, 257u);
}

// --- dialling again ---------------------------------------------------------------------------------

TEST_F(Dialling, ALostPeerIsDialledAgainUntilItIsBack) {
  b.attach(name("b@h"));
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  world.unreachable.insert(b.at);
  world.cut_all_links();
  a.with([&](Core& core, Now now, Effects& out) { core.on_channel_closed(leg, now, out); });
  ASSERT_EQ(a.core->status(world.now).trying.size(), 1u);
  world.pass(1min);
  const std::size_t tries = a.dials.size();
  EXPECT_GE(tries, 4u);
  EXPECT_GT(a.core->status(world.now).trying.at(0).failures, 2u);
  world.unreachable.clear();
  world.pass(61s);
  EXPECT_EQ(links_of(a), 1u);
  EXPECT_TRUE(a.core->status(world.now).trying.empty());
}

TEST_F(Dialling, APeerThatIsStoppingIsNoNewsForTheLog) {
  b.with([](Core& core, Now now, Effects& out) { core.on_stop(now, out); });
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  EXPECT_EQ(a.refused_code(leg), RefuseCode::unreachable);
  const auto is_news = [](const Event& each) { return each.name == "link.refused" && each.severity != Severity::debug; };
  EXPECT_TRUE(a.said("link.refused"));
  EXPECT_TRUE(std::ranges::none_of(a.events, is_news));
}

TEST_F(Dialling, AfterTenMinutesWithoutInterestItIsGivenUp) {
  b.attach(name("b@h"));
  a.dial(node, "b@h");
  world.run();
  world.unreachable.insert(b.at);
  world.cut_all_links();
  world.pass(12min);
  EXPECT_TRUE(a.core->status(world.now).trying.empty());
  EXPECT_TRUE(a.said("redial.given_up"));
  EXPECT_LT(a.dials.size(), 60u) << "backoff";
}

TEST_F(Dialling, ANodesOwnDialDoesNotWaitForTheBackoff) {
  b.attach(name("b@h"));
  a.dial(node, "b@h");
  world.run();
  world.unreachable.insert(b.at);
  world.cut_all_links();
  world.pass(5min);
  world.unreachable.clear();
  const SessionId leg = a.dial(node, "b@h");
  world.run();  // no time passes
  EXPECT_TRUE(a.is_ready(leg));
  EXPECT_TRUE(a.core->status(world.now).trying.empty());
}

TEST_F(Dialling, APeerThatWasOnlyTalkedToLongAgoIsNotDialledAgain) {
  b.attach(name("b@h"));
  const SessionId leg = a.dial(node, "b@h");
  world.run();
  a.with([&](Core& core, Now now, Effects& out) { core.on_channel_closed(leg, now, out); });
  world.pass(1min);
  world.cut_all_links();
  EXPECT_TRUE(a.core->status(world.now).trying.empty());
}

TEST_F(Dialling, NothingIsLeftBehindByAThousandDials) {
  b.attach(name("b@h"));
  for (int i = 0; i < 1000; ++i) {
    const SessionId leg = a.dial(node, i % 3 == 0 ? "b@h" : i % 3 == 1 ? "who@nowhere" : "c@h");
    if (i % 7 == 0) a.hang_up(leg);
    world.run();
    for (const Daemon* daemon : {&a, &b})
      for (const ChannelStatus& channel : daemon->core->status(world.now).channels)
        daemon->core->on_channel_closed(channel.leg, world.now, a.last);
  }
  world.pass(1min);
  EXPECT_TRUE(a.core->status(world.now).channels.empty());
  EXPECT_TRUE(b.core->status(world.now).channels.empty());
  EXPECT_EQ(a.core->status(world.now).sessions.size(), 1u);
  EXPECT_EQ(links_of(a), 1u);
}

}  // namespace
}  // namespace bp2p::test
