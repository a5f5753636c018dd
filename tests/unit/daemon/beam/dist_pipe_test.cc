#include "daemon/beam/dist_pipe.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/beam/road.h"
#include "tests/unit/proto/dist/signals.h"

namespace bp2p::test {
namespace {

using namespace dist::test;

/// A message of `size` bytes, more or less, from process `who` to a registered name.
Bytes message(std::uint32_t who, std::size_t size) {
  return whole(control(6, pid({who, 0, 1}), atom(""), atom("sink")), std::string(size, 'x'));
}
Bytes framed(const Bytes& payload) { return Writer{}.u32(static_cast<std::uint32_t>(payload.size())).raw(payload).take(); }

TEST(DistPipe, CarriesTheHandshakeAndFramesBothWays) {
  Road road;
  road.shake_hands();
  const Bytes there = message(1, 100), back = message(2, 200'000);
  road.node_a.frame(there);
  ASSERT_TRUE(road.receives(road.node_b, 4 + there.size()));
  EXPECT_EQ(road.node_b.received, framed(there));
  const Bytes all = framed(back);
  std::size_t written = 0;
  ASSERT_TRUE(road.run_until([&] {
    written += road.node_b.write(ByteView{all}.subspan(written));
    road.node_a.read();
    return road.node_a.received.size() >= all.size();
  }));
  EXPECT_EQ(road.node_a.received, all);
}

// Reaping (docs/decisions/0008-reaping.md): what counts as use, and an end that loses nothing of what was sent before it.
TEST(DistPipe, TellsUseFromTicks) {
  Road road;
  road.shake_hands();
  const auto is_still = [&] { return !road.a.pipe->use().is_moving && !road.b.pipe->use().is_moving; };
  ASSERT_TRUE(road.run_until(is_still));
  const auto before_a = road.a.pipe->use().passed, before_b = road.b.pipe->use().passed;
  road.node_a.frame({});
  road.node_b.frame({});
  ASSERT_TRUE(road.receives(road.node_a, 4) && road.receives(road.node_b, 4));
  ASSERT_TRUE(road.run_until(is_still));
  EXPECT_EQ(road.a.pipe->use().passed, before_a);
  EXPECT_EQ(road.b.pipe->use().passed, before_b);

  road.node_a.frame(message(1, 100));
  EXPECT_TRUE(road.a.pipe->use().is_moving) << "in the node's socket";
  ASSERT_TRUE(road.run_until([&] { return is_still() && road.b.pipe->use().passed != before_b; }));
  EXPECT_NE(road.a.pipe->use().passed, before_a);

  const Bytes one = framed(message(1, 1000));
  road.node_a.write(ByteView{one}.first(500));
  ASSERT_TRUE(road.run_until([&] { return road.a.pipe->stats().bytes_out > 500; }));
  EXPECT_TRUE(road.a.pipe->use().is_moving) << "half a frame";
}

TEST(DistPipe, IsClosedInGoodOrderForBothNodes) {
  Road road;
  road.shake_hands();
  const Bytes there = framed(message(1, 100'000));
  road.node_a.write(there);
  ASSERT_TRUE(road.run_until([&] { return road.a.pipe->stats().bytes_out == there.size(); }));
  road.a.pipe->close();
  ASSERT_TRUE(road.run_until([&] {
    road.node_a.read();
    road.node_b.read();
    return road.node_a.is_ended && road.node_b.is_ended;
  }));
  EXPECT_TRUE(road.node_b.received == there);
  EXPECT_EQ(road.a.over, "");
  EXPECT_EQ(road.b.over, "");
}

TEST(DistPipe, GivesTheLastFramesBeforeTheEnd) {
  Road road;
  road.shake_hands();
  Bytes sent;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Bytes one = framed(message(i, i));
    ASSERT_EQ(road.node_a.write(one), one.size());
    sent.insert(sent.end(), one.begin(), one.end());
  }
  road.node_a.close();
  ASSERT_TRUE(road.run_until([&] {
    road.node_b.read();
    return road.node_b.is_ended;
  }));
  EXPECT_TRUE(road.node_b.received == sent) << road.node_b.received.size() << " of " << sent.size();
  EXPECT_EQ(road.a.over, "");
  EXPECT_EQ(road.b.over, "");
}

// A channel ends in good order, and the link right after it: nothing of the one is lost with the other.
TEST(DistPipe, GivesTheLastFramesThoughTheLinkIsClosedBehindThem) {
  Road road;
  road.shake_hands();
  const Bytes one = framed(message(1, 150'000));
  ASSERT_EQ(road.node_a.write(one), one.size());
  road.node_a.close();
  ASSERT_TRUE(road.a.run_until([&] { return road.a.over.has_value(); }));  // b stands still: most of it waits
  road.a.links.close(*road.a.link, LinkCode::duplicate, "there is a better link");
  ASSERT_TRUE(road.run_until([&] {
    road.node_b.read();
    return road.node_b.is_ended;
  }));
  EXPECT_TRUE(road.node_b.received == one) << road.node_b.received.size() << " of " << one.size();
  EXPECT_EQ(road.b.over, "");
}

TEST(DistPipe, GivesTheLastFramesToASlowNodeThoughTheLinkIsGone) {
  Road road;
  road.shake_hands();
  const Bytes one = framed(message(1, 600'000));
  std::size_t written = 0;
  ASSERT_TRUE(road.run_until([&] {
    written += road.node_a.write(ByteView{one}.subspan(written));
    return written == one.size();
  }));
  road.node_a.close();
  ASSERT_TRUE(road.run_until([&] { return road.a.over && road.b.pipe->stats().bytes_in == one.size(); }));
  road.a.links.close(*road.a.link, LinkCode::duplicate, "there is a better link");
  ASSERT_TRUE(road.run_until([&] { return road.b.links.connection(*road.b.link) == nullptr; }));
  EXPECT_FALSE(road.b.over) << "its node has not read anything yet";
  ASSERT_TRUE(road.run_until([&] {
    road.node_b.read();
    return road.node_b.is_ended;
  }));
  EXPECT_TRUE(road.node_b.received == one) << road.node_b.received.size() << " of " << one.size();
  EXPECT_EQ(road.b.over, "");
}

// Its port was busy when the node went: what lay in its socket is read, though nothing can be written to it any more.
TEST(DistPipe, ReadsWhatANodeLeftThoughItTakesNothingAnyMore) {
  Road road{{.unacknowledged_max = 1u << 20}};
  road.shake_hands();
  const Bytes one = framed(message(1, 1000));  // the socket takes it whole or not at all
  std::size_t written = 0;
  int refused = 0;
  ASSERT_TRUE(road.run_until([&] {
    const std::size_t before = written;
    while (const std::size_t size = road.node_a.write(one)) written += size;
    refused = written > before ? 0 : refused + 1;
    return refused > 200;
  }));
  ASSERT_EQ(written % one.size(), 0u);
  ASSERT_TRUE(road.a.pipe->stats().peer_blocked_since) << "so that it is not being read";
  road.node_a.close();
  road.node_b.frame(message(2, 10));
  ASSERT_TRUE(road.run_until([&] {
    road.node_b.read();
    return road.node_b.is_ended;
  }));
  EXPECT_EQ(road.node_b.received.size(), written);
  EXPECT_EQ(road.a.over, "");
  EXPECT_EQ(road.b.over, "");
}

TEST(DistPipe, EndsBothNodesWhenOneGoesInTheMiddleOfAFrame) {
  Road road;
  road.shake_hands();
  const Bytes one = framed(message(1, 1000));
  road.node_a.write(ByteView{one}.first(500));
  road.node_a.close();
  ASSERT_TRUE(road.run_until([&] {
    road.node_b.read();
    return road.node_b.is_ended;
  }));
  EXPECT_TRUE(road.node_b.received.empty()) << "nobody gets half a signal";
  EXPECT_EQ(road.a.over, "the node went away in the middle of a frame");
  EXPECT_EQ(road.b.over, "the peer broke the channel off");
}

TEST(DistPipe, EndsTheNodeWhenTheLinkIsLost) {
  Road road;
  road.shake_hands();
  road.b.links.close(*road.b.link, LinkCode::goodbye, "stopping");
  ASSERT_TRUE(road.run_until([&] {
    road.node_a.read();
    road.node_b.read();
    return road.node_a.is_ended && road.node_b.is_ended;
  }));
  EXPECT_EQ(road.a.over, "the link is gone");
}

// The peer's node closed while ours goes on writing: it is read, given to nobody, and its end comes.
TEST(DistPipe, TakesWhatANodeStillSaysAfterTheOtherClosed) {
  Road road;
  road.shake_hands();
  road.node_b.close();
  const Bytes one = framed(message(1, 10'000));
  ASSERT_TRUE(road.run_until([&] {
    road.node_a.write(one);  // cut anywhere
    road.node_a.read();
    return road.node_a.is_ended;
  }));
  EXPECT_TRUE(road.node_a.received.empty());
  EXPECT_TRUE(road.run_until([&] { return road.a.over && road.b.over; }));
}

TEST(DistPipe, RefusesAFrameLongerThanAllowed) {
  Road road{{.frame_max = 1000}};
  road.shake_hands();
  road.node_a.write(Writer{}.u32(1001).take());
  ASSERT_TRUE(road.run_until([&] { return road.a.over && road.b.over; }));
  EXPECT_EQ(road.a.over, "the node sent a frame longer than dist.max_frame");
}

TEST(DistPipe, RefusesAHandshakeThatIsOutOfTurn) {
  Road road;
  road.node_b.frame(Writer{}.u8('s').raw(as_bytes("ok")).take());
  ASSERT_TRUE(road.run_until([&] { return road.b.over.has_value(); }));
  EXPECT_TRUE(road.b.over->starts_with("our node: ")) << *road.b.over;
  ASSERT_TRUE(road.run_until([&] { return road.a.over.has_value(); }));
}

// The peer does not know the channel (it closed it at the same time): the node is told, not left waiting.
TEST(DistPipe, EndsWhenThePeerDoesNotKnowTheChannel) {
  Road road;
  road.b.links.remove_pipe(*road.b.link, 1);
  ASSERT_TRUE(road.run_until([&] {
    road.node_a.read();
    return road.node_a.is_ended;
  }));
  EXPECT_TRUE(road.a.over.has_value());
}

// I7: a node that does not read stops the one that sends; what lies in between is bounded, and nothing of it is lost.
TEST(DistPipe, HoldsBackANodeWhosePeerDoesNotRead) {
  constexpr std::uint64_t buffer = 1u << 20;
  Road road{{.unacknowledged_max = buffer}};
  road.shake_hands();
  const Bytes one = framed(message(1, 50'000));
  std::size_t written = 0;
  const auto write = [&] {
    const std::size_t size = road.node_a.write(ByteView{one}.subspan(written % one.size()));
    written += size;
    return size;
  };
  // Until nothing has been taken for a while.
  int refused = 0;
  ASSERT_TRUE(road.run_until([&] {
    refused = write() > 0 ? 0 : refused + 1;
    return refused > 200;
  }));
  EXPECT_LT(written, 16 * buffer);
  EXPECT_LE(road.a.pipe->stats().held_out, buffer + Buffer::read_size);
  EXPECT_TRUE(road.a.pipe->stats().peer_blocked_since) << "for whoever looks";
  EXPECT_TRUE(road.b.pipe->stats().node_blocked_since);
  ASSERT_TRUE(road.run_until([&] {
    road.node_b.read(100'000);
    if (written % one.size() != 0) write();
    return written % one.size() == 0;
  }));
  ASSERT_TRUE(road.receives(road.node_b, written));
  for (std::size_t at = 0; at < written; at += one.size())
    ASSERT_TRUE(std::equal(one.begin(), one.end(), road.node_b.received.begin() + static_cast<std::ptrdiff_t>(at))) << at;
}

// Rule `sender`: what one process has queued does not stand in the way of another's message.
TEST(DistPipe, GivesEachLaneItsShareOfABacklog) {
  Road road{{.rule = dist::LaneRule::sender}, {.max_udp_payload = 1452}};
  road.shake_hands();
  const auto lane = [](std::uint32_t who) { return dist::Sender{who, 0, 1}.hash() % 8; };
  std::uint32_t other = 2;
  while (lane(other) == lane(1)) ++other;

  // While b stands still a sends no more than a window of a few packets: the rest waits.
  std::size_t queued = 0;
  for (int i = 0; i < 150; ++i) {
    const Bytes one = framed(message(1, 1000));
    ASSERT_EQ(road.node_a.write(one), one.size());
    queued += one.size();
    road.a.io.poll();
  }
  const Bytes small = framed(message(other, 10));
  ASSERT_EQ(road.node_a.write(small), small.size());
  ASSERT_TRUE(road.a.run_until([&] { return road.a.pipe->stats().bytes_out == queued + small.size(); }));

  ASSERT_TRUE(road.receives(road.node_b, queued + small.size()));
  const auto found = std::ranges::search(road.node_b.received, small).begin() - road.node_b.received.begin();
  EXPECT_LT(found, 64 * 1024) << "of " << queued;
}

}  // namespace
}  // namespace bp2p::test
