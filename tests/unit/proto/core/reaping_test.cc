// Channels that nobody uses, between real cores: what is closed, who is asked before, and what keeps one open.
#include <gtest/gtest.h>

#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

struct AnUnusedChannel : testing::Test {
  World world{3};
  Daemon& one = world.add(1, "10.0.2.1:9100");
  Daemon& two = world.add(2, "10.0.2.2:9100");
  SessionId a, b, leg;

  AnUnusedChannel() {
    a = one.attach(name("a@h1"));
    b = two.attach(name("b@h2"));
    one.book[name("b@h2")] = {two.at};
    leg = one.dial(a, "b@h2");
    world.run();
    EXPECT_TRUE(one.is_ready(leg));
  }
  static Term reaping(std::int64_t min_age_ms, std::int64_t period_ms) {
    return Term::tuple({Term::atom("subscribe"),
                        Term::tuple({Term::atom("unused"), Term::integer(min_age_ms), Term::integer(period_ms)})});
  }
  static Term let_go(std::string_view node) {
    return Term::tuple({Term::atom("let_go"), Term::list({Term::binary(node)})});
  }
  void both_reap() {
    EXPECT_EQ(one.ask(a, reaping(60'000, 10'000)), Term::atom("ok"));
    EXPECT_EQ(two.ask(b, reaping(60'000, 10'000)), Term::atom("ok"));
  }
  /// How often the node was asked whether it has anything on its channel with the other.
  static std::size_t asked(Daemon& daemon, SessionId node, std::string_view other) {
    return static_cast<std::size_t>(std::ranges::count(daemon.heard_events[node], "{unused,[<<\"" + std::string{other} + "\">>]}"));
  }
  void a_lets_go() {
    EXPECT_EQ(one.ask(a, let_go("b@h2")), Term::atom("ok"));
    world.run();
  }
  void b_lets_go() {
    EXPECT_EQ(two.ask(b, let_go("a@h1")), Term::atom("ok"));
    world.run();
  }
};

TEST_F(AnUnusedChannel, IsClosedWhenBothNodesLetItGo) {
  both_reap();
  world.pass(59s);
  EXPECT_EQ(asked(one, a, "b@h2"), 0u);
  world.pass(2s);
  EXPECT_EQ(asked(one, a, "b@h2"), 1u);
  EXPECT_EQ(asked(two, b, "a@h1"), 0u) << "before the first has let it go";
  a_lets_go();
  ASSERT_EQ(asked(two, b, "a@h1"), 1u);
  EXPECT_TRUE(two.reaped.empty());
  b_lets_go();
  EXPECT_EQ(two.reaped.size(), 1u);
  for (Daemon* daemon : {&one, &two}) EXPECT_TRUE(daemon->core->status(world.now).channels.empty());
  EXPECT_EQ(two.core->status(world.now).channels_reaped, 1u);
  EXPECT_EQ(one.core->status(world.now).channels_reaped, 0u) << "counted where it was closed";
  EXPECT_EQ(two.count_of("channel.reaped"), 1u);
  EXPECT_TRUE(std::ranges::none_of(two.events, [](const Event& each) {
    return each.name == "channel.reaped" && each.severity != Severity::debug;
  }));

  const SessionId again = one.dial(a, "b@h2");
  world.run();
  EXPECT_TRUE(one.is_ready(again)) << "and is opened again when it is needed";
}

TEST_F(AnUnusedChannel, IsLeftAloneWhereANodeDoesNotTakePart) {
  one.ask(a, reaping(60'000, 10'000));
  world.pass(61s);
  a_lets_go();
  world.pass(60s);
  EXPECT_TRUE(two.heard_events[b].empty());
  EXPECT_EQ(one.core->status(world.now).channels.size(), 1u);
  // And the other way round: the one that opened it is the one that begins.
  one.ask(a, Term::tuple({Term::atom("unsubscribe"), Term::atom("unused")}));
  two.ask(b, reaping(60'000, 10'000));
  const std::size_t before = asked(one, a, "b@h2");
  world.pass(600s);
  EXPECT_EQ(asked(one, a, "b@h2"), before);
  EXPECT_TRUE(two.heard_events[b].empty());
}

TEST_F(AnUnusedChannel, IsAskedAboutAgainWhenANodeDoesNotLetItGo) {
  both_reap();
  world.pass(91s);
  EXPECT_EQ(asked(one, a, "b@h2"), 4u);
  a_lets_go();
  world.pass(6s);
  b_lets_go();  // too late: the other may have something on it by now
  EXPECT_TRUE(two.reaped.empty());
  world.pass(5s);
  a_lets_go();
  EXPECT_EQ(asked(two, b, "a@h1"), 2u);
  b_lets_go();
  EXPECT_EQ(two.reaped.size(), 1u);
}

TEST_F(AnUnusedChannel, IsOneOnWhichNothingPassesForAsLongAsBothWant) {
  one.ask(a, reaping(60'000, 10'000));
  two.ask(b, reaping(100'000, 10'000));
  for (int i = 0; i < 20; ++i) {
    one.pass_frame(leg);
    world.pass(30s);
  }
  EXPECT_EQ(asked(one, a, "b@h2"), 0u);
  world.pass(40s);
  EXPECT_EQ(asked(one, a, "b@h2"), 1u);
  a_lets_go();
  EXPECT_EQ(asked(two, b, "a@h1"), 0u);
  world.pass(60s);
  a_lets_go();
  EXPECT_EQ(asked(two, b, "a@h1"), 1u);
}

TEST_F(AnUnusedChannel, IsKeptWhenSomethingPassesWhileTheNodesAreAsked) {
  both_reap();
  world.pass(61s);
  a_lets_go();
  one.pass_frame(leg);
  b_lets_go();
  EXPECT_TRUE(two.reaped.empty());
  world.pass(50s);
  EXPECT_EQ(asked(one, a, "b@h2"), 1u) << "it has been used since";
  world.pass(20s);
  EXPECT_GE(asked(one, a, "b@h2"), 2u);
  one.pass_frame(leg);
  world.pass(10s);
  const std::size_t before = asked(two, b, "a@h1");
  a_lets_go();  // an answer to a question from before
  EXPECT_EQ(asked(two, b, "a@h1"), before);
}

TEST_F(AnUnusedChannel, IsNoneWithSomethingOnItsWay) {
  both_reap();
  one.uses[leg] = {.leg = leg, .passed = 0, .is_moving = true};
  world.pass(600s);
  EXPECT_EQ(asked(one, a, "b@h2"), 0u);
}

TEST_F(AnUnusedChannel, IsAskedAboutOnlyAsOftenAsAWordIsGood) {
  both_reap();
  world.pass(70s);
  const auto link = one.channels.front().link;
  const auto offer = peer::encode(peer::ChannelUnused{one.channels.front().channel});
  for (int i = 0; i < 100; ++i) world.send(one, {link, offer});
  world.run();
  EXPECT_EQ(asked(two, b, "a@h1"), 1u);
  // What is not the peer's to offer, or no channel.
  for (Daemon* daemon : {&one, &two})
    world.send(*daemon, {daemon->channels.front().link, peer::encode(peer::ChannelUnused{12345})});
  world.send(two, {two.channels.front().link, offer});
  world.run();
  EXPECT_EQ(asked(one, a, "b@h2"), 2u) << "by its own daemon";
}

TEST_F(AnUnusedChannel, BetweenNeighboursStays) {
  both_reap();
  one.with([&](Core& core, Now now, Effects& out) { core.on_join(two.at, now, out); });
  world.pass(600s);
  EXPECT_EQ(asked(one, a, "b@h2"), 0u);
  EXPECT_EQ(one.core->status(world.now).overlay.neighbours.size(), 1u);
  one.with([&](Core& core, Now now, Effects& out) { core.on_leave(now, out); });
  world.pass(20s);
  EXPECT_GE(asked(one, a, "b@h2"), 1u);
}

TEST_F(AnUnusedChannel, OfTwoNodesOfOneDaemonIsClosedAsWell) {
  const SessionId c = one.attach(name("c@h1"));
  const SessionId local = one.dial(c, "a@h1");
  world.run();
  ASSERT_TRUE(one.is_ready(local));
  one.ask(a, reaping(1000, 1000));
  one.ask(c, reaping(1000, 1000));
  world.pass(1500ms);
  EXPECT_EQ(asked(one, c, "a@h1"), 1u);
  one.ask(c, let_go("a@h1"));
  EXPECT_EQ(asked(one, a, "c@h1"), 1u);
  one.ask(a, let_go("c@h1"));
  world.run();
  EXPECT_EQ(one.reaped.size(), 1u);
  EXPECT_EQ(one.core->status(world.now).channels.size(), 1u) << "the one to b@h2";
}

TEST_F(AnUnusedChannel, IsNotAskedAboutByANodeThatIsGone) {
  both_reap();
  world.pass(61s);
  one.hang_up(a);
  world.pass(600s);
  const SessionId back = one.attach(name("a@h1"));
  world.pass(600s);
  EXPECT_TRUE(one.heard_events[back].empty()) << "a session subscribes for itself";
}

TEST_F(AnUnusedChannel, TakesNoFiguresThatAreNone) {
  const Term bad = Term::tuple({Term::atom("error"), Term::atom("bad_value")});
  EXPECT_EQ(one.ask(a, reaping(-1, 1000)), bad);
  EXPECT_EQ(one.ask(a, reaping(1000, 99)), bad);
  EXPECT_EQ(one.ask(a, reaping((std::int64_t{1} << 32) + 1, 1000)), bad);
  EXPECT_EQ(one.ask(a, Term::tuple({Term::atom("let_go"), Term::atom("all")})),
            Term::tuple({Term::atom("error"), Term::atom("unknown_request")}));
  EXPECT_EQ(one.ask(a, let_go("b@h2")), Term::atom("ok")) << "it was not asked";
  world.run();
  EXPECT_TRUE(two.heard_events[b].empty());
}

}  // namespace
}  // namespace bp2p::test
