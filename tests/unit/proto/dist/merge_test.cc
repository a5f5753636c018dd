#include "proto/dist/merge.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proto/dist/signals.h"

namespace bp2p::dist {
namespace {
using namespace test;

Bytes record(std::string_view payload) {
  return Writer{}.u32(static_cast<std::uint32_t>(payload.size())).raw(as_bytes(payload)).take();
}

std::string all_of(Merge& merge, Credit* into = nullptr) {
  std::string out;
  Credit credit{};
  for (;;) {
    std::array<ByteView, 4> spans;
    const std::size_t count = merge.gather(spans, 1u << 20);
    if (count == 0) break;
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      out += as_text(spans[i]);
      size += spans[i].size();
    }
    merge.consume(size, credit);
  }
  if (into != nullptr) *into = credit;
  return out;
}

std::string text(const Bytes& bytes) { return std::string{as_text(bytes)}; }

TEST(Merge, HoldsEverythingButTheHandshakeUntilItsGateIsOpen) {
  Merge merge{{}};
  ASSERT_TRUE(merge.on_bytes(0, record("data")));
  merge.push_control(as_bytes("a-handshake"));
  EXPECT_EQ(all_of(merge), text(record("a-handshake")));
  merge.open_gate();
  EXPECT_EQ(all_of(merge), text(record("data")));
}

TEST(Merge, PassesNoHalfFrame) {
  Merge merge{{}};
  merge.open_gate();
  const Bytes frame = record("whole");
  for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
    ASSERT_TRUE(merge.on_bytes(0, ByteView{frame}.subspan(i, 1)));
    EXPECT_EQ(all_of(merge), "");
  }
  ASSERT_TRUE(merge.on_bytes(0, ByteView{frame}.last(1)));
  EXPECT_EQ(all_of(merge), text(frame));
}

TEST(Merge, StreamsAFrameThatIsTooLargeToHold) {
  Merge merge{{}};
  merge.open_gate();
  const Bytes frame = record(std::string(Merge::whole_frame_max + 1000, 'x'));
  ASSERT_TRUE(merge.on_bytes(2, ByteView{frame}.first(70'000)));
  EXPECT_EQ(all_of(merge).size(), 70'000u);
  ASSERT_TRUE(merge.on_bytes(0, record("small")));
  EXPECT_EQ(all_of(merge), "") << "in the middle of a frame there is no room for another";
  ASSERT_TRUE(merge.on_bytes(2, ByteView{frame}.subspan(70'000)));
  EXPECT_EQ(all_of(merge), text(frame).substr(70'000) + text(record("small")));
  EXPECT_EQ(merge.held(), 0u);
}

TEST(Merge, LetsSmallFramesPassLargeOnesUnderBulk) {
  Merge merge{{.rule = LaneRule::bulk}};
  merge.open_gate();
  ASSERT_TRUE(merge.on_bytes(3, record(std::string(5000, 'l'))));
  ASSERT_TRUE(merge.on_bytes(0, record("small")));
  EXPECT_TRUE(all_of(merge).starts_with(text(record("small"))));
}

TEST(Merge, KeepsTheOrderOfArrivalUnderSender) {
  Merge merge{{.rule = LaneRule::sender}};
  merge.open_gate();
  ASSERT_TRUE(merge.on_bytes(3, record("first")));
  ASSERT_TRUE(merge.on_bytes(0, record("second")));
  EXPECT_EQ(all_of(merge), text(record("first")) + text(record("second")));
}

// I7: what the node does not read is bounded by the streams' windows, and those open by what was written on alone.
TEST(Merge, GivesBackExactlyWhatItWasGiven) {
  Merge merge{{}};
  merge.open_gate();
  const Bytes after = Writer{}.u64(std::uint64_t{0x80} << 56 | 0).take();  // after 0 frames of lane 0: fulfilled
  Bytes bytes = after;
  for (const std::byte b : record("frame")) bytes.push_back(b);
  ASSERT_TRUE(merge.on_bytes(5, bytes));
  Credit credit{};
  EXPECT_EQ(all_of(merge, &credit), text(record("frame")));
  EXPECT_EQ(credit[5], bytes.size());
  EXPECT_EQ(merge.held(), 0u);
}

TEST(Merge, RefusesWhatNoNodeMayGet) {
  Merge deadly{{.guard = true}};
  Bytes frame = whole(control(22, pid({1, 0, 4}), pid({2, 0, 9})));
  frame[2] = std::byte{1};
  EXPECT_EQ(deadly.on_bytes(0, Writer{}.u32(static_cast<std::uint32_t>(frame.size())).raw(frame).take()).error(), MergeError::deadly_frame);

  Merge byte_by_byte{{.guard = true}};
  const Bytes bytes = Writer{}.u32(static_cast<std::uint32_t>(frame.size())).raw(frame).take();
  std::expected<void, MergeError> last;
  for (std::size_t i = 0; i < bytes.size() && last; ++i) last = byte_by_byte.on_bytes(0, ByteView{bytes}.subspan(i, 1));
  EXPECT_EQ(last.error(), MergeError::deadly_frame);

  Merge limited{{.frame_max = 100}};
  EXPECT_EQ(limited.on_bytes(0, Writer{}.u32(101).take()).error(), MergeError::frame_too_long);
  EXPECT_EQ(limited.on_bytes(lanes_max, record("x")).error(), MergeError::bad_lane);
  const Bytes beyond = Writer{}.u64(std::uint64_t{0x80u | lanes_max} << 56 | 1).take();
  EXPECT_EQ(Merge{{}}.on_bytes(0, beyond).error(), MergeError::bad_lane) << "it would wait for ever";

  // Pieces that are as small as can be, and never one run: bounded by their number.
  Merge flooded{{}};
  const Bytes wait = Writer{}.u64(std::uint64_t{0x81} << 56 | 1).take();
  std::expected<void, MergeError> result;
  for (std::size_t i = 0; i < 200'000 && result; ++i) result = flooded.on_bytes(0, wait);
  EXPECT_EQ(result.error(), MergeError::too_many_records);
}

TEST(Merge, DoesNotStarveALargeSignal) {
  Merge merge{{.rule = LaneRule::bulk}};
  merge.open_gate();
  ASSERT_TRUE(merge.on_bytes(4, record("the large one")));
  const Bytes small = record(std::string(60'000, 's'));
  std::string out;
  // Lane 0 never runs dry; the other gets its turn all the same.
  for (int i = 0; i < 500 && out.find("the large one") == std::string::npos; ++i) {
    for (int k = 0; k < 4; ++k) ASSERT_TRUE(merge.on_bytes(0, small));
    std::array<ByteView, 64> spans;
    Credit credit{};
    const std::size_t count = merge.gather(spans, 200'000);
    std::size_t size = 0;
    for (std::size_t s = 0; s < count; ++s) {
      out += as_text(spans[s]);
      size += spans[s].size();
    }
    merge.consume(size, credit);
    if (out.size() > 1'000'000 && out.find("the large one") == std::string::npos) out.clear();
  }
  EXPECT_NE(out.find("the large one"), std::string::npos);
}

}  // namespace
}  // namespace bp2p::dist
