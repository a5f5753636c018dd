// I5: whatever the lanes do to one another, signals from one process to one process (or name, or alias) come out in the
// order they went in, each once and unmodified. The router and the merge are run against each other with lanes that
// deliver in any interleaving, and pieces of any size.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "proto/base/rng.h"
#include "proto/dist/merge.h"
#include "proto/dist/route.h"
#include "tests/unit/proto/dist/signals.h"

namespace bp2p::dist {
namespace {
using namespace test;

/// One frame with what the test knows about it.
struct Sent {
  Bytes payload;
  std::uint32_t entity = 0;  ///< whose order it is part of; 0: nobody's that the frame names
  bool is_barrier = false;   ///< to be in order with everything
};

/// A random conversation of a few processes: small signals of all kinds, with and without a sender on the wire, and
/// large ones in fragments that interleave.
std::vector<Sent> conversation(Rng& rng, std::size_t frames) {
  struct Large {
    std::uint64_t sequence, left;
  };
  std::map<std::uint32_t, Large> under_way;  // a process has one fragmented signal at a time
  std::vector<Sent> out;
  std::uint64_t sequence = 100;
  const Sender to{7, 0, 9};
  while (out.size() < frames) {
    const auto number = static_cast<std::uint32_t>(1 + rng.below(5));
    const Sender from{number * 1000, 1, 4};
    const auto large = under_way.find(number);
    const std::string text = "#" + std::to_string(out.size());
    if (large != under_way.end()) {
      // A VM sends nothing else from a process until its large signal is out.
      const std::uint64_t fragment = large->second.left;
      out.push_back({next_fragment(large->second.sequence, fragment, text + std::string(rng.below(3000), 'f')), number});
      if (--large->second.left == 0) under_way.erase(large);
      continue;
    }
    switch (rng.below(12)) {
      case 0:
      case 1: {
        const std::uint64_t fragments = 2 + rng.below(4);
        out.push_back({first_fragment(++sequence, fragments, control(22, pid(from), pid(to)), text + std::string(rng.below(3000), 'l')), number});
        under_way[number] = {sequence, fragments - 1};
        break;
      }
      case 2: out.push_back({whole(control(7, pid(from), pid(to)), text), 0, true}); break;   // GROUP_LEADER
      case 3: out.push_back({whole(control(2, atom(""), pid(to)), text), 0, true}); break;    // SEND
      case 4: out.push_back({whole(control(21, atom("name"), pid(to), reference(1), atom("noproc")), text), 0, true}); break;
      case 5: out.push_back({whole(control(33, pid(from), reference(5)), text), number}); break;
      case 6: out.push_back({whole(control(6, pid(from), atom(""), atom("name")), text), number}); break;
      case 7: out.push_back({whole(control(21, pid(from), pid(to), reference(1), atom("gone")), text), number}); break;
      case 8: out.push_back({whole(control(31, reference(3), pid(to), small_integer(1), pid(from)), text), number}); break;
      case 9: out.push_back({Bytes(1 + rng.below(6), std::byte{200}), 0, true}); break;       // does not decode
      default: out.push_back({whole(control(22, pid(from), pid(to)), text), number}); break;
    }
  }
  return out;
}

/// The lanes between the two: bytes in flight.
struct Wire {
  std::map<std::uint8_t, Bytes> lanes;
  std::map<std::uint8_t, std::vector<std::pair<std::size_t, std::uint64_t>>> ends;  // offset -> frames, for acknowledgements
  std::map<std::uint8_t, std::size_t> taken;
};

void send(Router& router, const Sent& frame, Wire& wire) {
  std::vector<After> after;
  const std::uint8_t lane = router.route(read_head(frame.payload), after);
  Writer out;
  for (const After& each : after) out.u64(std::uint64_t{0x80u | each.lane} << 56 | each.frames);
  out.u32(static_cast<std::uint32_t>(frame.payload.size())).raw(frame.payload);
  const Bytes bytes = out.take();
  wire.lanes[lane].insert(wire.lanes[lane].end(), bytes.begin(), bytes.end());
  wire.ends[lane].emplace_back(wire.lanes[lane].size(), router.sent(lane));
}

/// Moves a random piece of a random lane, as its packets may come; false when nothing is in flight.
bool move_something(Rng& rng, Wire& wire, Router& router, Merge& merge) {
  std::vector<std::uint8_t> ready;
  for (const auto& [lane, bytes] : wire.lanes)
    if (wire.taken[lane] < bytes.size()) ready.push_back(lane);
  if (ready.empty()) return false;
  const std::uint8_t lane = ready[rng.below(ready.size())];
  const ByteView left = ByteView{wire.lanes[lane]}.subspan(wire.taken[lane]);
  const std::size_t size = 1 + rng.below(std::min<std::size_t>(left.size(), 4000));
  EXPECT_TRUE(merge.on_bytes(lane, left.first(size)));
  wire.taken[lane] += size;
  // Acknowledged means that the other daemon has it, not that it was delivered.
  if (rng.below(2) == 0) {
    std::uint64_t frames = 0;
    for (const auto& [offset, count] : wire.ends[lane]) {
      if (offset <= wire.taken[lane]) frames = count;
    }
    router.on_acknowledged(lane, frames);
  }
  return true;
}

/// What the node reads, in pieces as the socket takes them.
void write_out(Rng& rng, Merge& merge, Bytes& read) {
  std::array<ByteView, 8> spans;
  Credit credit{};
  for (;;) {
    const std::size_t count = merge.gather(spans, 1 + rng.below(20'000));
    if (count == 0) return;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) wanted += spans[i].size();
    const std::size_t taken = 1 + rng.below(wanted);
    std::size_t left = taken;
    for (std::size_t i = 0; i < count && left > 0; ++i) {
      const std::size_t part = std::min(left, spans[i].size());
      read.insert(read.end(), spans[i].begin(), spans[i].begin() + static_cast<std::ptrdiff_t>(part));
      left -= part;
    }
    merge.consume(taken, credit);
    if (rng.below(3) == 0) return;
  }
}

std::vector<Bytes> frames_of(const Bytes& read) {
  std::vector<Bytes> out;
  Reader in{read};
  while (!in.rest().empty()) {
    const ByteView payload = in.take(in.u32());
    EXPECT_FALSE(in.failed());
    if (in.failed()) break;
    out.emplace_back(payload.begin(), payload.end());
  }
  return out;
}

void check_order(const std::vector<Sent>& sent, const std::vector<Bytes>& got) {
  ASSERT_EQ(got.size(), sent.size());
  std::map<Bytes, std::vector<std::size_t>> where;  // payload -> positions on arrival
  for (std::size_t i = 0; i < got.size(); ++i) where[got[i]].push_back(i);
  std::map<Bytes, std::size_t> used;
  std::map<std::uint32_t, std::size_t> last;  // entity -> position of its latest
  std::size_t latest = 0, latest_barrier = 0;
  bool first = true;
  for (const Sent& frame : sent) {
    const auto& positions = where[frame.payload];
    std::size_t& index = used[frame.payload];
    ASSERT_LT(index, positions.size()) << "a frame is missing or was changed";
    const std::size_t position = positions[index++];
    if (frame.is_barrier) {
      EXPECT_TRUE(first || position > latest) << "a frame without a sender overtook another";
      latest_barrier = position;
    } else {
      EXPECT_TRUE(first || position >= latest_barrier) << "a frame overtook one without a sender";
      const auto before = last.find(frame.entity);
      if (before != last.end()) {
        EXPECT_GT(position, before->second) << "two signals of one process changed places";
      }
      last[frame.entity] = position;
    }
    latest = std::max(latest, position);
    first = false;
  }
}

void run(LaneRule rule, std::size_t lanes, std::uint64_t seed, std::size_t frames) {
  Rng rng{seed};
  Router router{rule, lanes};
  Merge merge{{.rule = rule, .guard = false}};
  merge.open_gate();
  Wire wire;
  Bytes read;
  const std::vector<Sent> sent = conversation(rng, frames);
  std::size_t next = 0;
  while (next < sent.size()) {
    if (rng.below(3) != 0) send(router, sent[next++], wire);
    if (rng.below(2) == 0) move_something(rng, wire, router, merge);
    if (rng.below(4) == 0) write_out(rng, merge, read);
  }
  while (move_something(rng, wire, router, merge)) {
    if (rng.below(4) == 0) write_out(rng, merge, read);
  }
  for (int i = 0; i < 100'000 && (i < 100 || !merge.is_idle()); ++i) write_out(rng, merge, read);
  EXPECT_EQ(merge.held(), 0u) << "something waits for ever";
  check_order(sent, frames_of(read));
}

RC_GTEST_PROP(SignalOrder, IsKeptByBulkLanes, ()) {
  run(LaneRule::bulk, *rc::gen::inRange<std::size_t>(2, 10), *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(1, 400));
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(SignalOrder, IsKeptBySenderLanes, ()) {
  run(LaneRule::sender, *rc::gen::inRange<std::size_t>(2, 10), *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(1, 400));
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(SignalOrder, IsKeptByASingleLane, ()) {
  run(LaneRule::single, 8, *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(1, 200));
  RC_ASSERT(!::testing::Test::HasFailure());
}

// The fault of hashing {From, To} and the like: proof that the check above can fail.
TEST(SignalOrder, IsBrokenByLanesThatDoNotWait) {
  Rng rng{1};
  Merge merge{{.rule = LaneRule::sender, .guard = false}};
  merge.open_gate();
  const Sender from{1000, 1, 4}, to{7, 0, 9};
  const Bytes group_leader = whole(control(7, pid(from), pid(to)), "first");
  const Bytes message = whole(control(22, pid(from), pid(to)), "second");
  const auto record = [](const Bytes& payload) { return Writer{}.u32(static_cast<std::uint32_t>(payload.size())).raw(payload).take(); };
  ASSERT_TRUE(merge.on_bytes(1, record(message)));
  Bytes read;
  for (int i = 0; i < 50; ++i) write_out(rng, merge, read);
  ASSERT_TRUE(merge.on_bytes(0, record(group_leader)));
  for (int i = 0; i < 50; ++i) write_out(rng, merge, read);
  const auto got = frames_of(read);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0], message);
}

TEST(Router, SmallSignalsShareLaneZeroWhileNoLargeOneIsUnderWay) {
  Router router{LaneRule::bulk, 8};
  std::vector<After> after;
  for (std::uint32_t i = 1; i < 50; ++i) {
    EXPECT_TRUE(router.is_quiet());
    EXPECT_EQ(router.route(read_head(whole(control(22, pid({i, 0, 4}), pid({7, 0, 9})))), after), 0);
  }
  EXPECT_TRUE(after.empty());
}

TEST(Router, ComesBackToLaneZeroOnceALargeSignalHasArrived) {
  Router router{LaneRule::bulk, 8};
  std::vector<After> after;
  const Sender from{5, 0, 4};
  const auto lane = router.route(read_head(first_fragment(1, 2, control(22, pid(from), pid({7, 0, 9})))), after);
  EXPECT_NE(lane, 0);
  EXPECT_EQ(router.route(read_head(next_fragment(1, 1)), after), lane);
  const FrameHead small = read_head(whole(control(22, pid(from), pid({7, 0, 9}))));
  EXPECT_EQ(router.route(small, after), lane) << "its large signal may still be on the way";
  router.on_acknowledged(lane, 3);
  after.clear();
  EXPECT_EQ(router.route(small, after), 0);
  EXPECT_EQ(after, (std::vector<After>{{lane, 3}})) << "it has arrived, and may wait for the node's socket";
  EXPECT_TRUE(router.is_quiet());
}

TEST(Router, KeepsOrderWithMoreLargeSignalsThanItsTablesHold) {
  for (const LaneRule rule : {LaneRule::bulk, LaneRule::sender}) {
    Router router{rule, 8};
    std::vector<After> after;
    for (std::uint32_t i = 0; i < Router::signals_max; ++i)
      router.route(read_head(first_fragment(i, 2, control(22, pid({i, 0, 4}), pid({7, 0, 9})))), after);
    after.clear();
    EXPECT_EQ(router.route(read_head(first_fragment(99'999, 2, control(22, pid({99'999, 0, 4}), pid({7, 0, 9})))), after), 0);
    EXPECT_EQ(after.size(), 7u) << "a barrier";
    after.clear();
    EXPECT_EQ(router.route(read_head(next_fragment(99'999, 1)), after), 0);
  }
}

}  // namespace
}  // namespace bp2p::dist
