#include "proto/dist/frame.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/dist/signals.h"

namespace bp2p::dist {
namespace {
using namespace test;

constexpr Sender alice{81, 0, 4}, bob{90, 2, 5};

TEST(DistFrame, NamesTheSenderOfEachOperation) {
  const struct {
    const char* name;
    Bytes control_message;
  } cases[] = {
      {"LINK", control(1, pid(alice), pid(bob))},
      {"EXIT", control(3, pid(alice), pid(bob), atom("normal"))},
      {"REG_SEND", control(6, pid(alice), atom(""), atom("name"))},
      {"EXIT2", control(8, pid(alice), pid(bob), atom("kill"))},
      {"MONITOR_P", control(19, pid(alice), atom("name"), reference(1))},
      {"DEMONITOR_P", control(20, pid(alice), pid(bob), reference(1))},
      {"MONITOR_P_EXIT", control(21, pid(alice), pid(bob), reference(1), atom("normal"))},
      {"SEND_SENDER", control(22, pid(alice), pid(bob))},
      {"PAYLOAD_EXIT", control(24, pid(alice), pid(bob))},
      {"PAYLOAD_MONITOR_P_EXIT", control(28, pid(alice), pid(bob), reference(1))},
      {"SPAWN_REQUEST", control(29, reference(9), pid(alice), pid(bob), atom("m"), small_integer(0))},
      {"SPAWN_REPLY", control(31, reference(9), pid(bob), small_integer(1), pid(alice))},
      {"ALIAS_SEND", control(33, pid(alice), reference(5))},
      {"UNLINK_ID", control(35, big(1ULL << 40), pid(alice), pid(bob))},
      {"UNLINK_ID_ACK", control(36, small_integer(3), pid(alice), pid(bob))},
      {"ALTACT_SIG_SEND", control(37, small_integer(1), pid(alice), pid(bob))},
  };
  for (const auto& each : cases) {
    const FrameHead head = read_head(whole(each.control_message, "message"));
    EXPECT_EQ(head.kind, FrameKind::whole) << each.name;
    ASSERT_TRUE(head.sender) << each.name;
    EXPECT_EQ(*head.sender, alice) << each.name;
  }
}

TEST(DistFrame, FindsNoSenderWhereNoneIsSaid) {
  EXPECT_FALSE(read_head(whole(control(2, atom(""), pid(bob)))).sender) << "SEND";
  EXPECT_FALSE(read_head(whole(control(7, pid(alice), pid(bob)))).sender) << "GROUP_LEADER names the new leader";
  EXPECT_FALSE(read_head(whole(control(21, atom("name"), pid(bob), reference(1), atom("normal")))).sender)
      << "a monitor by name ends with that name";
  EXPECT_FALSE(read_head(whole(control(31, reference(9), pid(bob), small_integer(1), atom("badarg")))).sender)
      << "a spawn that failed has no child";
  EXPECT_FALSE(read_head(whole(control(99, pid(alice), pid(bob)))).sender) << "an operation newer than us";
}

TEST(DistFrame, ReadsFragments) {
  const FrameHead first = read_head(first_fragment(77, 3, control(22, pid(alice), pid(bob)), "part"));
  EXPECT_EQ(first.kind, FrameKind::first_fragment);
  EXPECT_EQ(first.sequence, 77u);
  EXPECT_EQ(first.fragment, 3u);
  ASSERT_TRUE(first.sender);
  EXPECT_EQ(*first.sender, alice);

  const FrameHead next = read_head(next_fragment(77, 2, "part"));
  EXPECT_EQ(next.kind, FrameKind::next_fragment);
  EXPECT_EQ(next.sequence, 77u);
  EXPECT_EQ(next.fragment, 2u);
}

TEST(DistFrame, ReadsTheSenderBehindTheLongestNames) {
  // 255 characters of 4 bytes each, the most that Erlang allows.
  const std::string longest(1020, 'x');
  const Bytes long_atom = Writer{}.u8(118).u16(1020).raw(as_bytes(longest)).take();
  const Bytes long_reference = Writer{}.u8(90).u16(5).raw(long_atom).u32(7).u32(1).u32(2).u32(3).u32(4).u32(5).take();
  const Bytes long_pid = Writer{}.u8(88).raw(long_atom).u32(1).u32(2).u32(3).take();
  const Bytes frame = whole(control(31, long_reference, long_pid, small_integer(1), long_pid), std::string(10'000, 'm'));
  ASSERT_GT(frame.size(), head_bytes);
  EXPECT_TRUE(read_head(ByteView{frame}.first(head_bytes)).sender);
}

TEST(DistFrame, SurvivesEveryTruncation) {
  const Bytes frames[] = {whole(control(31, reference(9), pid(bob), small_integer(1), pid(alice)), "m"),
                          first_fragment(1, 2, control(33, pid(alice), reference(5)), "m"), next_fragment(1, 1, "m")};
  for (const Bytes& frame : frames) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const ByteView part = ByteView{frame}.first(size);
      read_head(part);
      is_deadly(part);
    }
  }
}

// A frame that refers to the atom cache crashes OTP 27.3.4 when the cache was rejected.
TEST(DistFrame, KnowsTheFramesThatKillANode) {
  Bytes frame = whole(control(22, pid(alice), pid(bob)));
  EXPECT_FALSE(is_deadly(frame));
  frame[2] = std::byte{1};
  EXPECT_TRUE(is_deadly(frame));

  Bytes fragment = first_fragment(1, 2, control(22, pid(alice), pid(bob)));
  EXPECT_FALSE(is_deadly(fragment));
  fragment[18] = std::byte{3};
  EXPECT_TRUE(is_deadly(fragment));
  EXPECT_FALSE(is_deadly(next_fragment(1, 1, "anything")));
}

}  // namespace
}  // namespace bp2p::dist
