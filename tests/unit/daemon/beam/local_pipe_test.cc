#include "daemon/beam/local_pipe.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/beam/road.h"
#include "tests/unit/proto/dist/signals.h"

namespace bp2p::test {
namespace {

using dist::test::atom, dist::test::control, dist::test::pid, dist::test::whole;

/// Two nodes of one daemon.
class LocalPipes : public testing::Test, public PipeOwner {
 protected:
  LocalPipes() { pipe.start(); }

  void shake_hands() {
    test::shake_hands(a, "a@one", b, "b@one", [this](Node& from, Node& to, const Bytes& payload) {
      const std::size_t before = to.received.size();
      from.frame(payload);
      ASSERT_TRUE(run_until([&] { return to.read(), to.received.size() >= before + 4 + payload.size(); }));
    });
  }
  bool run_until(const std::function<bool()>& is_so) {
    const TimePoint deadline = steady_now() + std::chrono::seconds{10};
    while (!is_so()) {
      if (steady_now() >= deadline) return false;
      io.run_for(std::chrono::milliseconds{1});
    }
    return true;
  }
  void on_node_named(SessionId, const NodeName&) override {}
  void on_pipe_over(SessionId leg, const std::string& why) override { over.emplace_back(leg, why); }

  boost::asio::io_context io{1};
  Node a, b;
  std::vector<std::pair<SessionId, std::string>> over;
  LocalPipe pipe{io, {SessionId{1}, a.take_daemons_end(), {}}, {SessionId{2}, b.take_daemons_end(), {}},
                 {*NodeName::parse("a@one"), *NodeName::parse("b@one")}, 1u << 20, *this};
};

TEST_F(LocalPipes, GivesTheLastFramesBeforeTheEndAndNoHalfOne) {
  shake_hands();
  const Bytes frame = whole(control(6, pid({1, 0, 1}), atom(""), atom("x")));
  a.frame(frame);
  a.write(Writer{}.u32(1000).u8(131).take());
  a.close();
  ASSERT_TRUE(run_until([&] { return b.read(), b.is_ended; }));
  EXPECT_EQ(b.received.size(), 4 + frame.size());
  ASSERT_EQ(over.size(), 2u) << "each end is told";
  EXPECT_EQ(over[0].second, "");
}

TEST_F(LocalPipes, GivesTheLastFramesThoughTheOtherNodeSpeaksToTheDeadOne) {
  shake_hands();
  const Bytes frame = whole(control(6, pid({1, 0, 1}), atom(""), atom("x")), std::string(1000, 'x'));
  const Bytes one = Writer{}.u32(static_cast<std::uint32_t>(frame.size())).raw(frame).take();
  std::size_t written = 0;
  ASSERT_TRUE(run_until([&] {
    while (const std::size_t size = a.write(one)) written += size;
    return written >= 1'000'000;
  }));
  a.close();
  b.frame(frame);
  ASSERT_TRUE(run_until([&] { return b.read(), b.is_ended; }));
  EXPECT_EQ(b.received.size(), written);
}

TEST_F(LocalPipes, TellUseFromTicks) {
  shake_hands();
  const auto before = pipe.use().passed;
  a.frame({});
  b.frame({});
  ASSERT_TRUE(run_until([&] { return a.read(), b.read(), a.received.size() == 4 && b.received.size() == 4; }));
  EXPECT_EQ(pipe.use().passed, before);
  EXPECT_FALSE(pipe.use().is_moving);
  a.frame(whole(control(6, pid({1, 0, 1}), atom(""), atom("x"))));
  EXPECT_TRUE(pipe.use().is_moving) << "in the node's socket";
  ASSERT_TRUE(run_until([&] { return b.read(), b.received.size() > 4; }));
  EXPECT_NE(pipe.use().passed, before);
  EXPECT_FALSE(pipe.use().is_moving);
  pipe.close();
  ASSERT_TRUE(run_until([&] { return a.read(), b.read(), a.is_ended && b.is_ended; }));
  EXPECT_EQ(over[0].second, "");
}

TEST_F(LocalPipes, TakesTheHighestBitOfALengthForWhatItIs) {
  shake_hands();
  a.write(Writer{}.u64(0x8000'0000'0000'0000ULL).take());  // a record, on a link
  ASSERT_TRUE(run_until([&] { return b.read(), b.is_ended; }));
  EXPECT_EQ(over.front().second, "a node sent a frame longer than dist.max_frame");
}

TEST_F(LocalPipes, EndsBothOnAFrameThatIsTooLong) {
  shake_hands();
  b.write(Writer{}.u32((1u << 20) + 1).take());
  ASSERT_TRUE(run_until([&] { return a.read(), a.is_ended; }));
  ASSERT_EQ(over.size(), 2u);
  EXPECT_EQ(over[0].second, "a node sent a frame longer than dist.max_frame");
}

TEST_F(LocalPipes, RefusesANodeThatSaysAnotherName) {
  a.frame(Writer{}.u8('N').u64(0).u32(7).text16("mallory@one").take());
  ASSERT_TRUE(run_until([&] { return b.read(), b.is_ended; }));
  EXPECT_EQ(over.front().second, "the handshake names a node that was not proven");
  EXPECT_TRUE(b.received.empty());
}

// I7 for two nodes of one daemon.
TEST_F(LocalPipes, HoldsBackANodeWhosePeerDoesNotRead) {
  shake_hands();
  const Bytes frame = whole(control(6, pid({1, 0, 1}), atom(""), atom("x")), std::string(50'000, 'x'));
  const Bytes one = Writer{}.u32(static_cast<std::uint32_t>(frame.size())).raw(frame).take();
  std::size_t written = 0;
  int refused = 0;
  ASSERT_TRUE(run_until([&] {
    const std::size_t size = a.write(ByteView{one}.subspan(written % one.size()));
    written += size;
    refused = size > 0 ? 0 : refused + 1;
    return refused > 200;
  }));
  EXPECT_LT(written, 8u << 20);
  ASSERT_TRUE(run_until([&] { return b.read(), b.received.size() >= written / one.size() * one.size(); }));
}

}  // namespace
}  // namespace bp2p::test
