// I1 on the data road: the name said in the Erlang handshake is the name that was proven, in both directions.
#include "proto/dist/handshake.h"

#include <gtest/gtest.h>

#include <string_view>

namespace bp2p::dist {
namespace {

constexpr std::uint64_t modern = Handshake::fragments | Handshake::send_sender | 0x1'0000'0004ULL;

NodeName name(std::string_view text) { return *NodeName::parse(text); }
Bytes introduction(std::string_view who, std::uint64_t flags = modern) {
  return Writer{}.u8('N').u64(flags).u32(7).text16(who).take();
}
Bytes challenge(std::string_view who, std::uint64_t flags = modern) {
  return Writer{}.u8('N').u64(flags).u32(12345).u32(7).text16(who).take();
}
Bytes status(std::string_view what) { return Writer{}.u8('s').raw(as_bytes(what)).take(); }
Bytes reply() { return Writer{}.u8('r').raw(Bytes(20)).take(); }
Bytes acknowledgement() { return Writer{}.u8('a').raw(Bytes(16)).take(); }

Handshake between_alice_and_bob() { return Handshake{{name("alice@one"), name("bob@two")}}; }

TEST(Handshake, FollowsAnOrdinaryOneToItsEnd) {
  Handshake handshake = between_alice_and_bob();
  EXPECT_TRUE(handshake.on_dialler_frame(introduction("alice@one")));
  EXPECT_TRUE(handshake.on_acceptor_frame(status("ok")));
  EXPECT_TRUE(handshake.on_acceptor_frame(challenge("bob@two")));
  EXPECT_TRUE(handshake.on_dialler_frame(reply()));
  EXPECT_FALSE(handshake.is_over());
  EXPECT_TRUE(handshake.on_acceptor_frame(acknowledgement()));
  EXPECT_TRUE(handshake.is_over());
  EXPECT_TRUE(handshake.may_use_lanes());
}

TEST(Handshake, RefusesADiallerThatSaysAnotherName) {
  Handshake handshake = between_alice_and_bob();
  EXPECT_EQ(handshake.on_dialler_frame(introduction("bob@two")).error(), HandshakeError::wrong_name);
  Handshake longer = between_alice_and_bob();
  EXPECT_EQ(longer.on_dialler_frame(introduction("alice@one2")).error(), HandshakeError::wrong_name);
}

TEST(Handshake, RefusesAnAcceptorThatSaysAnotherName) {
  Handshake handshake = between_alice_and_bob();
  ASSERT_TRUE(handshake.on_dialler_frame(introduction("alice@one")));
  EXPECT_EQ(handshake.on_acceptor_frame(challenge("mallory@two")).error(), HandshakeError::wrong_name);
}

TEST(Handshake, RefusesANameThatWasProvenAndIsHiddenBehindAWishForOne) {
  Handshake handshake = between_alice_and_bob();
  EXPECT_EQ(handshake.on_dialler_frame(introduction("one", modern | Handshake::name_me)).error(), HandshakeError::wrong_name);
}

TEST(Handshake, RefusesANodeWithoutANameThatSaysOne) {
  Handshake handshake{{std::nullopt, name("bob@two")}};
  EXPECT_EQ(handshake.on_dialler_frame(introduction("alice@one")).error(), HandshakeError::wrong_name);
}

TEST(Handshake, LearnsTheNameThatTheAcceptorGives) {
  Handshake handshake{{std::nullopt, name("bob@two")}};
  ASSERT_TRUE(handshake.on_dialler_frame(introduction("one", modern | Handshake::name_me)));
  const Bytes named = Writer{}.raw(as_bytes("snamed:")).text16("3X9@one").u32(8).take();
  ASSERT_TRUE(handshake.on_acceptor_frame(named));
  EXPECT_EQ(handshake.given_name(), name("3X9@one"));
  EXPECT_EQ(handshake.on_acceptor_frame(named).error(), HandshakeError::malformed) << "only once";
}

TEST(Handshake, GivesNoNameToANodeThatHasOne) {
  Handshake handshake = between_alice_and_bob();
  ASSERT_TRUE(handshake.on_dialler_frame(introduction("alice@one")));
  EXPECT_FALSE(handshake.on_acceptor_frame(Writer{}.raw(as_bytes("snamed:")).text16("root@one").u32(8).take()));
}

TEST(Handshake, ReadsTheFormBeforeOtp23) {
  Handshake handshake = between_alice_and_bob();
  EXPECT_TRUE(handshake.on_dialler_frame(Writer{}.u8('n').u16(5).u32(0x1234).raw(as_bytes("alice@one")).take()));
  EXPECT_TRUE(handshake.on_acceptor_frame(Writer{}.u8('n').u16(5).u32(0x1234).u32(1).raw(as_bytes("bob@two")).take()));
}

TEST(Handshake, AllowsNoLanesWithTheAtomCacheOrWithoutSenders) {
  for (const std::uint64_t flags : {modern | Handshake::atom_cache, modern & ~Handshake::fragments, modern & ~Handshake::send_sender}) {
    Handshake handshake = between_alice_and_bob();
    ASSERT_TRUE(handshake.on_dialler_frame(introduction("alice@one", flags)));
    ASSERT_TRUE(handshake.on_acceptor_frame(challenge("bob@two", flags)));
    EXPECT_FALSE(handshake.may_use_lanes());
  }
  Handshake one_side = between_alice_and_bob();
  ASSERT_TRUE(one_side.on_dialler_frame(introduction("alice@one", modern | Handshake::atom_cache)));
  ASSERT_TRUE(one_side.on_acceptor_frame(challenge("bob@two")));
  EXPECT_TRUE(one_side.may_use_lanes()) << "one side suffices to reject the cache";
}

TEST(Handshake, RefusesWhatIsOutOfTurnOrOutOfBounds) {
  EXPECT_FALSE(between_alice_and_bob().on_acceptor_frame(status("ok"))) << "the dialler speaks first";
  EXPECT_FALSE(between_alice_and_bob().on_dialler_frame(reply())) << "a reply to nothing";
  EXPECT_FALSE(between_alice_and_bob().on_dialler_frame({})) << "nothing";
  EXPECT_EQ(between_alice_and_bob().on_dialler_frame(Bytes(Handshake::frame_max + 1, std::byte{'N'})).error(), HandshakeError::too_long);

  Handshake twice = between_alice_and_bob();
  ASSERT_TRUE(twice.on_dialler_frame(introduction("alice@one")));
  EXPECT_FALSE(twice.on_dialler_frame(introduction("alice@one")));

  Handshake early = between_alice_and_bob();
  ASSERT_TRUE(early.on_dialler_frame(introduction("alice@one")));
  EXPECT_FALSE(early.on_acceptor_frame(acknowledgement())) << "before it has said its name";

  Handshake endless = between_alice_and_bob();
  ASSERT_TRUE(endless.on_dialler_frame(introduction("alice@one")));
  int taken = 0;
  while (taken < 1000 && endless.on_acceptor_frame(status("alive"))) ++taken;
  EXPECT_LT(taken, Handshake::frames_max);
}

TEST(Handshake, SurvivesEveryTruncation) {
  for (const Bytes& frame : {introduction("alice@one"), challenge("bob@two")}) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      EXPECT_FALSE(between_alice_and_bob().on_dialler_frame(ByteView{frame}.first(size)));
    }
  }
}

}  // namespace
}  // namespace bp2p::dist
