#include "daemon/quic/endpoint.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/quic/ends.h"

namespace bp2p::quic {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;

constexpr auto duplicate = static_cast<std::uint64_t>(LinkCode::duplicate);

/// What a node had to say before it closed its end: 3 MiB, more than the windows take at once.
Bytes last_words() {
  Bytes out(3u << 20);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 31 >> 3);
  return out;
}

/// An orderly end, as DistPipe makes it: everything is queued, and nobody looks at the stream again.
void say_and_leave(Pair& pair, ByteView bytes) {
  pair.stream->queue.append_copy(bytes, 0);
  pair.stream->fin_wanted = true;
  pair.client.connection->abandon(*pair.stream, 0);
}

TEST(Endpoint, ClosesAfterWhatAnOrderlyEndLeftBehind) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  const Bytes words = last_words();
  say_and_leave(pair, words);
  const LinkId link = pair.client.connection->link();
  pair.client.connection->close(duplicate, "there is a better link");

  EXPECT_EQ(pair.client.endpoint.find(link), nullptr) << "nobody can use it any more";
  ASSERT_TRUE(pair.run_until([&] { return pair.server.end.has_value(); }));
  EXPECT_TRUE(pair.server.taker.bytes == words) << pair.server.taker.bytes.size() << " of " << words.size() << " bytes";
  EXPECT_TRUE(pair.server.taker.is_ended);
  EXPECT_EQ(pair.server.end->how, LinkEnd::How::closed_by_peer);
  EXPECT_EQ(pair.server.end->code, duplicate);
  EXPECT_FALSE(pair.client.end) << "whoever closes does not hear of it";
  EXPECT_EQ(pair.client.buried, 1);
}

TEST(Endpoint, TellsThoseWhoUseAClosedConnectionAtOnce) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  Taker other;
  Stream* living = pair.client.connection->open_unidirectional(other, nullptr);
  ASSERT_NE(living, nullptr);
  say_and_leave(pair, last_words());
  pair.client.connection->close(duplicate, "");
  pair.client.endpoint.flush_now();
  EXPECT_TRUE(other.is_gone);
  EXPECT_EQ(pair.client.buried, 1);
}

TEST(Endpoint, APeerThatNeverAcknowledgesHoldsUpNothingForLong) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  say_and_leave(pair, last_words());
  pair.client.connection->close(duplicate, "");
  const TimePoint closed = steady_now();
  bool is_closed = false;
  pair.client.endpoint.when_closed([&] { is_closed = true; });
  EXPECT_FALSE(is_closed);
  ASSERT_TRUE(run_until({&pair.client}, [&] { return is_closed; }, seconds{5}));  // the server stands still
  EXPECT_LT(steady_now() - closed, seconds{2}) << "a clean stop is over by then";
}

TEST(Endpoint, ClosesAtOnceWhenNothingIsLeftToSay) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  // A stream that was broken off, and one that somebody still had a use for, are not waited for.
  Stream* broken = pair.client.connection->open_unidirectional(pair.source, nullptr);
  ASSERT_NE(broken, nullptr);
  broken->queue.append_copy(last_words(), 0);
  pair.client.connection->abandon(*broken, 1);
  pair.stream->queue.append_copy(last_words(), 0);
  pair.client.connection->close(duplicate, "");
  bool is_closed = false;
  pair.client.endpoint.when_closed([&] { is_closed = true; });
  EXPECT_TRUE(is_closed);
}

TEST(Endpoint, AClosedConnectionGoesWhenThePeerClosesIt) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  say_and_leave(pair, last_words());
  pair.client.connection->close(duplicate, "");
  pair.client.endpoint.flush_now();
  pair.server.connection->close(0, "");
  pair.server.endpoint.flush_now();
  const TimePoint closed = steady_now();
  bool is_closed = false;
  pair.client.endpoint.when_closed([&] { is_closed = true; });
  ASSERT_TRUE(run_until({&pair.client}, [&] { return is_closed; }, seconds{5}));
  EXPECT_LT(steady_now() - closed, seconds{1});
  EXPECT_FALSE(pair.client.end);
}

TEST(Endpoint, GoesOnAfterTheWindowOfTheConnectionWasFull) {
  constexpr std::uint64_t window = 4096;  // less than the first congestion window
  Pair pair{{.connection_window = window}};
  ASSERT_TRUE(pair.is_up);
  const Bytes words(64 * window, std::byte{1});
  pair.stream->queue.append_copy(words, 0);
  pair.stream->fin_wanted = true;
  pair.client.connection->wants_to_send(*pair.stream);
  pair.client.io.run_for(milliseconds{20});  // the server stands still
  EXPECT_EQ(words.size() - pair.stream->queue.unsent_bytes(), window);
  // ngtcp2 says "blocked" only of a stream's own window. So the stream keeps its place, and is asked again.
  EXPECT_FALSE(pair.stream->is_blocked);

  ASSERT_TRUE(pair.run_until([&] { return pair.server.taker.is_ended; }, seconds{30}));
  EXPECT_TRUE(pair.server.taker.bytes == words);
}

TEST(Endpoint, AStreamBrokenOffBeforeItsFirstByteLeftHarmsNothing) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  pair.server.taker.abandons_what_is_reset = true;
  Taker other;
  Stream* stillborn = pair.client.connection->open_unidirectional(other, nullptr);
  ASSERT_NE(stillborn, nullptr);
  stillborn->queue.append_copy(as_bytes("never sent"), 0);
  pair.client.connection->wants_to_send(*stillborn);
  pair.client.connection->abandon(*stillborn, 1);
  ASSERT_TRUE(pair.run_until([&] { return pair.server.streams_opened == 1; }));
  // The other direction is where it did harm: an answer about the stream that ended the connection.
  pair.stream->queue.append_copy(as_bytes("and on"), 0);
  pair.stream->fin_wanted = true;
  pair.client.connection->wants_to_send(*pair.stream);
  ASSERT_TRUE(pair.run_until([&] { return pair.server.taker.bytes.size() == 6 || pair.client.end; }));
  EXPECT_EQ(as_text(pair.server.taker.bytes), "and on");
  EXPECT_TRUE(pair.run_until([&] { return pair.server.taker.times_gone == 2; })) << "both are closed";
  EXPECT_FALSE(pair.client.end);
  EXPECT_FALSE(pair.server.end);
}

/// As a channel's lane.
struct OneStream final : SendGroup {
  Stream* stream = nullptr;
  Stream* next_to_send() override { return stream != nullptr && stream->may_send() ? stream : nullptr; }
};

// What a channel leaves behind may be megabytes: a message of the link does not wait for it (I7).
TEST(Endpoint, ATailDoesNotGoBeforeALinkMessage) {
  Pair pair;
  ASSERT_TRUE(pair.is_up);
  Stream* link = pair.client.connection->open_bidirectional(pair.source, nullptr);
  ASSERT_NE(link, nullptr);
  std::array<OneStream, 4> lanes;
  for (OneStream& lane : lanes) {
    lane.stream = pair.client.connection->open_unidirectional(pair.source, &lane);
    ASSERT_NE(lane.stream, nullptr);
    lane.stream->queue.append_copy(Bytes(1'000'000), 0);
    lane.stream->fin_wanted = true;
  }
  for (OneStream& lane : lanes) pair.client.connection->abandon(*lane.stream, 0);
  pair.client.io.run_for(milliseconds{5});  // the congestion window is full
  constexpr std::byte mark{0xff};
  link->queue.append_copy(Bytes(1, mark), 0);
  pair.client.connection->wants_to_send(*link);
  std::ptrdiff_t before = 0;
  ASSERT_TRUE(pair.run_until([&] {
    const Bytes& bytes = pair.server.taker.bytes;
    before = std::ranges::find(bytes, mark) - bytes.begin();
    return before < std::ssize(bytes);
  }));
  EXPECT_LT(before, 1'000'000);
}

}  // namespace
}  // namespace bp2p::quic
