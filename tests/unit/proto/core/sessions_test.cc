// The node socket: who may attach, under which name, and what a connection may say.
#include "proto/wire/term.h"
#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

struct Sessions : testing::Test {
  World world;
  Daemon& daemon = world.add(1, "10.0.0.1:9100");

  static Bytes attach_frame(std::string_view node, SessionToken token = {}, std::uint32_t creation = 0) {
    return local::encode(local::Attach{.hidden = false, .listens = true,
                                       .name = node.empty() ? std::nullopt : std::optional{name(node)}, .token = token,
                                       .creation = creation});
  }
  static SessionToken token_of(std::uint8_t seed) {
    SessionToken token;
    token.bytes.fill(static_cast<std::byte>(seed));
    return token;
  }
};

TEST_F(Sessions, ANodeIsToldItsCreationTokenPortAndTheDaemonsKey) {
  const SessionId node = daemon.attach(name("a@h"));
  const local::Attached& heard = daemon.attached(node);
  EXPECT_GE(heard.creation, 4u);
  EXPECT_FALSE(heard.token.is_zero());
  EXPECT_EQ(heard.port, 9100);
  EXPECT_EQ(heard.fingerprint, "SHA256:1");
  EXPECT_TRUE(daemon.said("session.attached"));
}

TEST_F(Sessions, ALivingNameIsNotGivenTwiceAndIsFreeAgainWhenItsNodeIsGone) {
  const SessionId first = daemon.attach(name("a@h"));
  const std::uint32_t first_creation = daemon.attached(first).creation;
  EXPECT_EQ(daemon.refused_code(daemon.attach(name("a@h"))), RefuseCode::duplicate_name);
  daemon.hang_up(first);
  const SessionId second = daemon.attach(name("a@h"));
  EXPECT_GT(daemon.attached(second).creation, first_creation);
}

TEST_F(Sessions, CreationsAreAheadOfTheWallClockAndNeverRepeat) {
  const auto seconds = static_cast<std::uint32_t>(world.now.wall.count() / 1000);
  EXPECT_EQ(daemon.attached(daemon.attach(name("a@h"))).creation, seconds);
  EXPECT_EQ(daemon.attached(daemon.attach(name("b@h"))).creation, seconds + 1);
  world.now.wall -= std::chrono::hours{1};  // the wall clock steps back
  EXPECT_EQ(daemon.attached(daemon.attach(name("c@h"))).creation, seconds + 2);
}

TEST_F(Sessions, AClockBeforeItsTimeStillGivesLegalCreations) {
  world.now.wall = WallTime{0};
  EXPECT_EQ(daemon.attached(daemon.attach(name("a@h"))).creation, 4u);
}

TEST_F(Sessions, ANodeThatComesBackToARestartedDaemonKeepsItsTokenAndCreation) {
  const auto next = static_cast<std::uint32_t>(world.now.wall.count() / 1000);
  const SessionId back = daemon.say(attach_frame("a@h", token_of(7), next));
  EXPECT_EQ(daemon.attached(back).token, token_of(7));
  EXPECT_EQ(daemon.attached(back).creation, next);
  EXPECT_NE(daemon.attached(daemon.attach(name("b@h"))).creation, next) << "it is in that node's pids";
}

TEST_F(Sessions, ATokenOfALivingSessionIsNotTakenOver) {
  const SessionId node = daemon.attach(name("a@h"));
  const SessionId thief = daemon.say(attach_frame("b@h", daemon.attached(node).token, 77));
  EXPECT_EQ(daemon.refused_code(thief), RefuseCode::bad_token);
}

TEST_F(Sessions, ACreationThatCannotBeOneIsReplaced) {
  const SessionId back = daemon.say(attach_frame("a@h", token_of(7), 3));
  EXPECT_GE(daemon.attached(back).creation, 4u);
  // The largest there is must not use up all others.
  daemon.say(attach_frame("b@h", token_of(8), UINT32_MAX));
  EXPECT_LT(daemon.attached(daemon.attach(name("c@h"))).creation, UINT32_MAX);
}

TEST_F(Sessions, TheSixtyFifthNodeIsRefused) {
  for (int i = 0; i < 64; ++i) daemon.attach(name("n" + std::to_string(i) + "@h"));
  EXPECT_EQ(daemon.refused_code(daemon.attach(name("one.more@h"))), RefuseCode::too_many);
  EXPECT_EQ(daemon.core->status(world.now).sessions.size(), 64u);
}

TEST_F(Sessions, AStrangersUidIsRefusedWhateverItSays) {
  const SessionId id{world.next_id()};
  daemon.with([&](Core& core, Now now, Effects& out) {
    core.on_session_opened(id, {.uid = 1234, .gid = 1234, .pid = 1, .may_attach = false}, now, out);
  });
  EXPECT_FALSE(daemon.refused(id).has_value()) << "closed on while it speaks, it would never read why";
  daemon.with([&](Core& core, Now now, Effects& out) { core.on_session_frame(id, attach_frame("a@h"), now, out); });
  EXPECT_EQ(daemon.refused_code(id), RefuseCode::not_allowed);
  EXPECT_TRUE(daemon.closed.contains(id));
}

TEST_F(Sessions, AFrameThatIsTooLongIsRefusedWithoutBeingRead) {
  const SessionId id{world.next_id()};
  daemon.with([&](Core& core, Now now, Effects& out) {
    core.on_session_opened(id, {.uid = 1000, .gid = 1000, .pid = 1}, now, out);
    core.on_session_overflow(id, 1 << 30, now, out);
  });
  EXPECT_EQ(daemon.refused_code(id), RefuseCode::bad_frame);
  EXPECT_TRUE(daemon.closed.contains(id));
}

TEST_F(Sessions, ANameThatTheConfigurationGivesAwayIsForThatUidAlone) {
  Daemon& strict = world.add(2, "10.0.0.2:9100", {.name_owners = {{name("a@h"), 33}, {name("a@h"), 34}}});
  EXPECT_EQ(strict.refused_code(strict.say(attach_frame("a@h"), 35)), RefuseCode::not_allowed);
  EXPECT_FALSE(strict.refused(strict.say(attach_frame("a@h"), 34)).has_value());
  EXPECT_FALSE(strict.refused(strict.say(attach_frame("b@h"), 35)).has_value());
}

TEST_F(Sessions, DialIsForTheUidThatAttached) {
  const SessionId node = daemon.attach(name("a@h"));
  const Bytes dial = local::encode(local::Dial{daemon.attached(node).token, name("b@h")});
  EXPECT_EQ(daemon.refused_code(daemon.say(dial, 1001)), RefuseCode::bad_token);
  EXPECT_EQ(daemon.refused_code(daemon.say(local::encode(local::Dial{token_of(9), name("b@h")}))), RefuseCode::bad_token);
}

TEST_F(Sessions, GarbageEndsTheConnectionWithAReasonAndNothingElse) {
  const SessionId node = daemon.attach(name("a@h"));
  const auto refused_with = [&](Bytes frame) { return daemon.refused_code(daemon.say(frame)); };
  EXPECT_EQ(refused_with({}), RefuseCode::bad_frame);
  EXPECT_EQ(refused_with({std::byte{200}}), RefuseCode::bad_frame);
  Bytes longer = attach_frame("b@h");
  longer.push_back(std::byte{0});
  EXPECT_EQ(refused_with(longer), RefuseCode::bad_frame);
  Bytes shorter = attach_frame("b@h");
  shorter.pop_back();
  EXPECT_EQ(refused_with(shorter), RefuseCode::bad_frame);
  Bytes future = attach_frame("b@h");
  future[1] = std::byte{2};
  EXPECT_EQ(refused_with(future), RefuseCode::bad_version);
  EXPECT_EQ(refused_with(Writer{}.u8(1).u8(1).u8(0).text16("no name").raw(Bytes(36)).take()), RefuseCode::bad_name);
  EXPECT_EQ(refused_with(local::encode(local::Ready{})), RefuseCode::bad_frame);

  EXPECT_FALSE(daemon.closed.contains(node));
  EXPECT_EQ(daemon.core->status(world.now).sessions.size(), 1u);
  EXPECT_EQ(daemon.core->status(world.now).refused_frames, 7u);
}

TEST_F(Sessions, ASessionTakesRequestsAlone) {
  const SessionId node = daemon.attach(name("a@h"));
  daemon.with([&](Core& core, Now now, Effects& out) { core.on_session_frame(node, attach_frame("b@h"), now, out); });
  EXPECT_EQ(daemon.refused_code(node), RefuseCode::bad_frame);
  EXPECT_TRUE(daemon.core->status(world.now).sessions.empty());
}

TEST_F(Sessions, SilenceForFiveSecondsIsRefused) {
  const SessionId id{world.next_id()};
  daemon.with([&](Core& core, Now now, Effects& out) { core.on_session_opened(id, {.uid = 1000}, now, out); });
  world.pass(4900ms);
  EXPECT_FALSE(daemon.refused(id).has_value());
  world.pass(200ms);
  EXPECT_EQ(daemon.refused_code(id), RefuseCode::timed_out);
  EXPECT_EQ(daemon.core->next_deadline(), never);
}

TEST_F(Sessions, NodeInfoSaysWhatTheDaemonKnows) {
  const SessionId node = daemon.attach(name("a@h"));
  const auto ask = [&](const Term& question) {
    const Bytes term = encode_term(question);
    daemon.with([&](Core& core, Now now, Effects& out) {
      core.on_session_frame(node, local::encode(local::Request{.id = 9, .term = term}), now, out);
    });
    const Bytes frame = std::get<SendToSession>(daemon.last.at(0)).frame;
    const auto answer = std::get<local::Answer>(*local::decode(frame));
    EXPECT_EQ(answer.id, 9u);
    return print_term(*decode_term(answer.term));
  };
  world.advance_to(world.now.steady + 1500ms);
  EXPECT_EQ(ask(Term::atom("node_info")),
            "{ok,#{daemon => <<>>,fingerprint => <<\"SHA256:1\">>,port => 9100,name => <<\"a@h\">>,creation => " +
                std::to_string(daemon.attached(node).creation) + ",channels => [],trust => tofu,uptime_ms => 1500}}");
  EXPECT_EQ(ask(Term::atom("what")), "{error,unknown_request}");
  // Well-formed, and too much to be looked at: nothing that the daemon knows is like this.
  EXPECT_EQ(ask(Term::tuple({Term::atom("deep"), Term::list(Terms(10'000, Term::integer(1)))})), "{error,unknown_request}");
  EXPECT_EQ(ask(Term::binary(std::string(100'000, 'x'))), "{error,unknown_request}");
  Term nested = Term::integer(1);
  for (int i = 0; i < 100; ++i) nested = Term::tuple({nested});
  EXPECT_EQ(ask(nested), "{error,unknown_request}");
  EXPECT_EQ(daemon.core->status(world.now).refused_frames, 0u);
}

TEST_F(Sessions, ATermThatDoesNotDecodeIsAnsweredAndTheSessionGoesOn) {
  const SessionId node = daemon.attach(name("a@h"));
  const Bytes garbage{std::byte{131}, std::byte{250}};
  daemon.with([&](Core& core, Now now, Effects& out) {
    core.on_session_frame(node, local::encode(local::Request{.id = 1, .term = garbage}), now, out);
  });
  const Bytes frame = std::get<SendToSession>(daemon.last.at(0)).frame;
  EXPECT_EQ(print_term(*decode_term(std::get<local::Answer>(*local::decode(frame)).term)), "{error,bad_term}");
  EXPECT_FALSE(daemon.closed.contains(node));
}

TEST_F(Sessions, AStoppingDaemonTellsItsNodesAndTakesNoNewOnes) {
  const SessionId node = daemon.attach(name("a@h"));
  daemon.with([](Core& core, Now now, Effects& out) { core.on_stop(now, out); });
  EXPECT_EQ(daemon.refused_code(node), RefuseCode::shutting_down);
  EXPECT_EQ(daemon.refused_code(daemon.attach(name("b@h"))), RefuseCode::shutting_down);
  EXPECT_EQ(daemon.core->next_deadline(), never);
}

TEST_F(Sessions, NamesAreForDiscoveryAsLongAsTheirNodesAreHere) {
  const SessionId first = daemon.attach(name("a@h"));
  EXPECT_EQ(daemon.published, (std::vector{name("a@h")}));
  daemon.attach(name("b@h"));
  EXPECT_EQ(daemon.published.size(), 2u);
  daemon.hang_up(first);
  EXPECT_EQ(daemon.published, (std::vector{name("b@h")}));
  daemon.with([](Core& core, Now now, Effects& out) { core.on_stop(now, out); });
  EXPECT_TRUE(daemon.published.empty());
}

// --- two nodes of one daemon ------------------------------------------------------------------------

TEST_F(Sessions, TwoNodesOfOneDaemonMeetInsideIt) {
  const SessionId a = daemon.attach(name("a@h"));
  daemon.attach(name("b@h"));
  const SessionId leg = daemon.dial(a, "b@h");
  world.run();
  EXPECT_TRUE(daemon.is_ready(leg));
  ASSERT_EQ(daemon.local_channels.size(), 1u);
  EXPECT_EQ(daemon.local_channels[0].dialler, leg);
  EXPECT_TRUE(daemon.is_ready(daemon.local_channels[0].acceptor));
  EXPECT_EQ(daemon.local_channels[0].names.local, name("a@h"));
  EXPECT_EQ(daemon.local_channels[0].names.remote, name("b@h"));
  EXPECT_EQ(daemon.core->status(world.now).channels.size(), 2u);
  EXPECT_TRUE(daemon.dials.empty());
  for (const SessionId end : {leg, daemon.local_channels[0].acceptor})
    daemon.with([&](Core& core, Now now, Effects& out) { core.on_channel_closed(end, now, out); });
  EXPECT_TRUE(daemon.core->status(world.now).channels.empty());
  EXPECT_EQ(daemon.core->next_deadline(), never);
}

TEST_F(Sessions, ATicketIsGoodOnceForTheUidOfItsNodeAndForFiveSeconds) {
  const SessionId a = daemon.attach(name("a@h"));
  daemon.attach(name("b@h"), false);
  daemon.dial(a, "b@h");
  ASSERT_EQ(daemon.told.size(), 1u);
  EXPECT_EQ(daemon.told[0].from, name("a@h"));
  const Bytes accept = local::encode(local::Accept{daemon.told[0].ticket});
  EXPECT_EQ(daemon.refused_code(daemon.say(accept, 1001)), RefuseCode::bad_ticket) << "another uid";
  EXPECT_TRUE(daemon.is_ready(daemon.say(accept)));
  EXPECT_EQ(daemon.refused_code(daemon.say(accept)), RefuseCode::bad_ticket) << "a second time";

  const SessionId late = daemon.dial(a, "b@h");
  world.pass(5100ms);
  EXPECT_EQ(daemon.refused_code(late), RefuseCode::not_listening);
  EXPECT_EQ(daemon.refused_code(daemon.say(local::encode(local::Accept{daemon.told[1].ticket}))), RefuseCode::bad_ticket);
}

TEST_F(Sessions, ANodeThatDoesNotListenIsNotDialled) {
  const SessionId a = daemon.attach(name("a@h"));
  daemon.say(local::encode(local::Attach{.hidden = false, .listens = false, .name = name("b@h"), .token = {}, .creation = 0}));
  EXPECT_EQ(daemon.refused_code(daemon.dial(a, "b@h")), RefuseCode::not_listening);
}

TEST_F(Sessions, ANodeWithoutANameDialsAndIsNamedByItsPeer) {
  const SessionId nameless = daemon.attach(std::nullopt);
  const SessionId other = daemon.attach(name("b@h"));
  const SessionId leg = daemon.dial(nameless, "b@h");
  world.run();
  ASSERT_TRUE(daemon.is_ready(leg));
  EXPECT_EQ(daemon.told[0].from, std::nullopt);
  daemon.with([&](Core& core, Now now, Effects& out) { core.on_node_named(leg, name("x1@h"), now, out); });
  EXPECT_TRUE(daemon.said("session.named"));
  EXPECT_EQ(daemon.refused_code(daemon.attach(name("x1@h"))), RefuseCode::duplicate_name);
  (void)other;
}

TEST_F(Sessions, ANodeThatIsGivenALivingNameLosesItsSession) {
  const SessionId nameless = daemon.attach(std::nullopt);
  daemon.attach(name("b@h"));
  const SessionId leg = daemon.dial(nameless, "b@h");
  world.run();
  daemon.with([&](Core& core, Now now, Effects& out) { core.on_node_named(leg, name("b@h"), now, out); });
  EXPECT_EQ(daemon.refused_code(nameless), RefuseCode::duplicate_name);
  EXPECT_TRUE(daemon.closed.contains(leg));
}

TEST_F(Sessions, WhatANodeWaitsForEndsWithItsSession) {
  const SessionId a = daemon.attach(name("a@h"));
  const SessionId b = daemon.attach(name("b@h"), false);
  const SessionId leg = daemon.dial(a, "b@h");
  daemon.hang_up(b);
  EXPECT_EQ(daemon.refused_code(leg), RefuseCode::no_such_node);
  const SessionId elsewhere = daemon.dial(a, "c@x");
  daemon.hang_up(a);
  EXPECT_EQ(daemon.refused_code(elsewhere), RefuseCode::bad_token);
  EXPECT_EQ(daemon.core->next_deadline(), never);
}

}  // namespace
}  // namespace bp2p::test
