// The ledger of attempts: what goes into it, and what an operator gets to see of a peer.
#include "proto/core/ledger.h"

#include <gmock/gmock.h>

#include "tests/unit/proto/core/played_peer.h"

namespace bp2p::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Ledger::Entry entry(int number) { return {.at = WallTime{number}, .result = std::to_string(number)}; }

TEST(Ledger, KeepsTheLastSixteenOfEach) {
  Ledger ledger;
  for (int i = 0; i < 20; ++i) ledger.note(name("a@h"), entry(i));
  ledger.note(key_of(1), entry(99));
  const auto kept = ledger.of(name("a@h"));
  ASSERT_EQ(kept.size(), Ledger::entries_max);
  EXPECT_EQ(kept.front().result, "4");
  EXPECT_EQ(kept.back().result, "19");
  EXPECT_EQ(ledger.of(key_of(1)).size(), 1u);
  EXPECT_TRUE(ledger.of(address("10.0.0.1:1")).empty());
}

TEST(Ledger, ForgetsWhoeverWasNotedLongestAgo) {
  Ledger ledger;
  const auto node = [](std::size_t i) { return name("n" + std::to_string(i) + "@h"); };
  for (std::size_t i = 0; i < Ledger::sought_max; ++i) ledger.note(node(i), entry(1));
  ledger.note(node(0), entry(2));
  ledger.note(node(1000), entry(1));
  EXPECT_EQ(ledger.of(node(0)).size(), 2u);
  EXPECT_TRUE(ledger.of(node(1)).empty());
  std::size_t rows = 0;
  ledger.for_each([&](const Sought&) { ++rows; });
  EXPECT_EQ(rows, Ledger::sought_max);
}

TEST(Ledger, CutsAResultBetweenCharacters) {
  Ledger ledger;
  std::string text(Ledger::result_bytes_max - 1, 'x');
  ledger.note(name("a@h"), {.result = text + "äöü"});
  EXPECT_EQ(ledger.of(name("a@h"))[0].result, text);
}

struct Attempts : testing::Test {
  World world;
  Daemon& a = world.add(1, "10.0.0.1:9100");
  Daemon& b = world.add(2, "10.0.0.2:9100");
  SessionId node = a.attach(name("a@h"));

  std::vector<std::string> of(std::string_view whom) const {
    std::vector<std::string> lines;
    const auto peer = a.core->peer(whom, world.now);
    if (!peer) return {"nobody"};
    for (const auto& each : peer->attempts)
      lines.push_back((each.address ? each.address->text() : "-") + " " + std::string{name_of(each.phase)} + " " +
                      each.result + " " + std::string{each.code});
    return lines;
  }
};

TEST_F(Attempts, NothingIsKnownOfWhomNobodyAskedFor) {
  EXPECT_FALSE(a.core->peer("x@h", world.now));
  EXPECT_FALSE(a.core->peer("10.9.9.9:1", world.now));
  EXPECT_FALSE(a.core->peer("SHA256:x", world.now));
  EXPECT_FALSE(a.core->peer("", world.now));
}

TEST_F(Attempts, SayThatNobodyKnowsAnAddress) {
  a.dial(node, "x@h");
  world.run();
  EXPECT_THAT(of("x@h"), ElementsAre("- look-up nobody knows an address unknown_node"));
}

TEST_F(Attempts, SayThatAnAddressDoesNotAnswer) {
  a.book[name("b@h")] = {address("10.0.0.9:9100"), b.at};
  b.attach(name("b@h"));
  a.dial(node, "b@h");
  world.run();
  EXPECT_THAT(of("b@h"), ElementsAre("10.0.0.9:9100 udp no answer unreachable",
                                     "10.0.0.2:9100 trust linked with " + a.signing.show(key_of(2)) + " "));
  EXPECT_THAT(of(a.signing.show(key_of(2))), ElementsAre("10.0.0.2:9100 trust linked with " + a.signing.show(key_of(2)) + " "));
}

TEST_F(Attempts, SayWhoseKeyWasWrong) {
  a.book[name("b@h")] = {b.at};
  a.pins[name("b@h")] = PinRead{key_of(7)};
  b.attach(name("b@h"));
  a.dial(node, "b@h");
  world.run();
  EXPECT_THAT(of("b@h"), ElementsAre("10.0.0.2:9100 trust b@h is pinned to another key not_trusted"));
  EXPECT_THAT(of(a.signing.show(key_of(2))), ElementsAre("10.0.0.2:9100 trust b@h is pinned to another key not_trusted"));
}

TEST_F(Attempts, SayThatThePeersDaemonHasNoSuchNode) {
  a.book[name("b@h")] = {b.at};
  b.attach(name("c@h"));
  a.dial(node, "b@h");
  world.run();
  ASSERT_EQ(of("b@h").size(), 2u);
  EXPECT_THAT(of("b@h")[1], HasSubstr("10.0.0.2:9100 channel b@h is not attached to this daemon no_such_node"));
}

TEST_F(Attempts, AreKeptOfAnAddressThatIsJoined) {
  a.with([&](Core& core, Now now, Effects& out) { core.on_join(address("10.0.0.9:9100"), now, out); });
  EXPECT_TRUE(a.core->peer("10.0.0.9:9100", world.now)->is_joining);
  world.run();
  EXPECT_FALSE(a.core->peer("10.0.0.9:9100", world.now)->is_joining);
  EXPECT_THAT(of("10.0.0.9:9100"), ElementsAre("10.0.0.9:9100 udp no answer unreachable"));
}

TEST_F(Attempts, SayWhomAJoinFound) {
  const auto join = [&] { a.with([&](Core& core, Now now, Effects& out) { core.on_join(b.at, now, out); }); };
  join();
  world.run();
  const std::string linked = "10.0.0.2:9100 trust linked with " + a.signing.show(key_of(2)) + " ";
  EXPECT_THAT(of("10.0.0.2:9100"), ElementsAre(linked));
  world.pass(1s);
  join();
  EXPECT_THAT(of("10.0.0.2:9100"), ElementsAre(linked, linked)) << "by the link there is";
}

TEST_F(Attempts, OfStrangersAreNotKept) {
  for (std::uint8_t seed = 10; seed < 20; ++seed) {
    PlayedPeer stranger{seed};
    const LinkId link = stranger.connect(a, "10.0.5.1:1000", seed);
    world.pass(10s);  // no HELLO
    EXPECT_TRUE(a.links_closed_by_us.contains(link));
    EXPECT_FALSE(a.core->peer(a.signing.show(stranger.signing.own_key()), world.now));
  }
}

TEST_F(Attempts, SayThatATimeIsOver) {
  // Nobody performs these effects: first the look-up stays silent, then the address.
  Effects out;
  a.core->on_join(name("b@h"), world.now, out);
  const auto resolve = std::ranges::find_if(out, [](const Effect& each) { return std::holds_alternative<Resolve>(each); });
  ASSERT_NE(resolve, out.end());
  a.core->on_resolved(std::get<Resolve>(*resolve).resolve, {b.at}, world.now, out);
  a.core->on_join(name("c@h"), world.now, out);
  world.pass(10s);
  EXPECT_THAT(of("b@h"), ElementsAre("10.0.0.2:9100 udp no answer in time timed_out"));
  EXPECT_THAT(of("c@h"), ElementsAre("- look-up no answer in time timed_out"));
}

}  // namespace
}  // namespace bp2p::test
