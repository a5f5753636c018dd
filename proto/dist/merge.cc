#include "proto/dist/merge.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "proto/base/check.h"
#include "proto/dist/records.h"

namespace bp2p::dist {
namespace {
// Lane 0 goes first under `bulk`, but small frames without end must not starve a large one for ever: after this many
// runs (4 MiB) another lane has a turn.
constexpr unsigned lane_zero_runs_in_a_row = 64;
}  // namespace

std::expected<void, MergeError> Merge::on_bytes(std::uint8_t index, ByteView bytes) {
  if (index >= lanes_max) return std::unexpected(MergeError::bad_lane);
  Lane& lane = lanes_[index];
  lanes_in_use_ |= std::uint64_t{1} << index;
  append(lane, bytes);

  // The head of a record is looked at in place where it lies whole in `bytes`, and collected in lane.head where it does
  // not.
  while (!bytes.empty()) {
    if (lane.left > 0 && lane.head_have == 0) {
      const std::size_t size = std::min<std::uint64_t>(lane.left, bytes.size());
      lane.left -= size;
      bytes = bytes.subspan(size);
      if (lane.left == 0) finish_record(index);
      continue;
    }
    const std::byte* head = bytes.data();
    std::size_t want = 4;
    if (lane.head_have > 0) {
      head = lane.head.data();
      if (lane.head_have >= 4) {
        const auto word = load_be<std::uint32_t>(head);
        want = options_.records && (word & record_bit) ? after_bytes : 4 + std::min<std::size_t>(word, deadly_bytes);
      }
      const std::size_t size = std::min(want - lane.head_have, bytes.size());
      std::memcpy(lane.head.data() + lane.head_have, bytes.data(), size);
      lane.head_have += size;
      bytes = bytes.subspan(size);
      if (lane.head_have < 4) continue;
    } else if (bytes.size() < 4) {
      std::memcpy(lane.head.data(), bytes.data(), bytes.size());
      lane.head_have = bytes.size();
      return {};
    }

    const auto word = load_be<std::uint32_t>(head);
    const bool is_after = options_.records && (word & record_bit) != 0;
    if (!is_after && word > options_.frame_max) return std::unexpected(MergeError::frame_too_long);
    want = is_after ? after_bytes : 4 + std::min<std::size_t>(word, deadly_bytes);
    if (lane.head_have == 0) {
      if (bytes.size() < want) {
        std::memcpy(lane.head.data(), bytes.data(), bytes.size());
        lane.head_have = bytes.size();
        return {};
      }
      bytes = bytes.subspan(want);
    } else if (lane.head_have < want) {
      continue;
    }

    lane.head_have = 0;
    if (lane.segments.size() >= segments_max) return std::unexpected(MergeError::too_many_records);
    if (is_after) {
      const auto after = read_after(head);
      if (!after) return std::unexpected(MergeError::bad_lane);
      Segment& segment = lane.segments.emplace_back();
      segment.stamp = ++stamp_;
      segment.length = after_bytes;
      segment.after = *after;
      last_appended_ = index;
      continue;
    }
    if (options_.guard && is_deadly({head + 4, want - 4})) return std::unexpected(MergeError::deadly_frame);
    if (word == 0) ++ticks_;
    lane.length = word;
    lane.left = word - (want - 4);
    if (word > whole_frame_max) add_run(index, 4 + std::uint64_t{word}, 1, false);
    if (lane.left == 0) finish_record(index);
  }
  return {};
}

void Merge::push_control(ByteView payload) {
  std::array<std::byte, 4> length;
  store_be(length.data(), static_cast<std::uint32_t>(payload.size()));
  append(lanes_[control], length);
  append(lanes_[control], payload);
  lanes_in_use_ |= std::uint64_t{1} << control;
  add_run(control, 4 + payload.size(), 1, true);
}

void Merge::append(Lane& lane, ByteView bytes) {
  held_ += bytes.size();
  lane.buffered += bytes.size();
  while (!bytes.empty()) {
    if (lane.chunks.empty() || lane.chunks.back().end == chunk_bytes) {
      lane.chunks.emplace_back(std::make_unique_for_overwrite<std::byte[]>(chunk_bytes), 0, 0);
    }
    Chunk& chunk = lane.chunks.back();
    const std::size_t size = std::min(bytes.size(), chunk_bytes - chunk.end);
    std::memcpy(chunk.bytes.get() + chunk.end, bytes.data(), size);
    chunk.end += size;
    bytes = bytes.subspan(size);
  }
}

void Merge::finish_record(std::size_t index) {
  const std::uint32_t length = lanes_[index].length;
  if (length <= whole_frame_max) add_run(index, 4 + std::uint64_t{length}, 1, true);
}

/// Frames that came one after another on one lane are one run, so that many small ones cost little.
void Merge::add_run(std::size_t index, std::uint64_t length, std::uint32_t frames, bool may_grow) {
  Lane& lane = lanes_[index];
  if (last_appended_ == index && !lane.segments.empty()) {
    Segment& last = lane.segments.back();
    if (last.may_grow && may_grow && last.length + length <= run_bytes_max) {
      last.length += length;
      last.frames += frames;
      return;
    }
  }
  Segment& segment = lane.segments.emplace_back();
  segment.stamp = ++stamp_;
  segment.length = length;
  segment.frames = frames;
  segment.may_grow = may_grow;
  last_appended_ = index;
}

/// Steps over after records that are fulfilled. True if the lane's next segment is frames that may go out.
bool Merge::settle(std::size_t index) {
  Lane& lane = lanes_[index];
  while (!lane.segments.empty()) {
    const Segment& front = lane.segments.front();
    if (front.frames > 0) return true;
    if (lanes_[front.after.lane].delivered < front.after.frames) return false;
    skip_[index] += static_cast<std::uint32_t>(front.length);
    lane.segments.pop_front();
  }
  return false;
}

/// Gives the next run its place in the order.
bool Merge::take_next() {
  std::size_t chosen = lanes_.size();
  if (settle(control)) {
    chosen = control;
  } else if (gate_open_) {
    std::size_t other = lanes_.size();  // the oldest among lanes 1 …
    for (std::uint64_t bits = lanes_in_use_ & ~(std::uint64_t{1} << control) & ~std::uint64_t{1}; bits != 0; bits &= bits - 1) {
      const auto index = static_cast<std::size_t>(std::countr_zero(bits));
      if (!settle(index)) continue;
      if (other == lanes_.size() || lanes_[index].segments.front().stamp < lanes_[other].segments.front().stamp) other = index;
    }
    const bool zero = settle(0);
    if (!zero || other == lanes_.size()) {
      chosen = zero ? 0 : other;
    } else if (options_.rule == LaneRule::bulk) {
      chosen = ++in_a_row_ > lane_zero_runs_in_a_row ? other : 0;
    } else {
      chosen = lanes_[0].segments.front().stamp < lanes_[other].segments.front().stamp ? 0 : other;
    }
    if (chosen != 0) in_a_row_ = 0;
  }
  if (chosen == lanes_.size()) return false;

  Lane& lane = lanes_[chosen];
  const Segment run = lane.segments.front();
  lane.segments.pop_front();
  lane.delivered += run.frames;
  if (!order_.empty() && order_.back().lane == chosen && skip_[chosen] == 0) {
    order_.back().length += run.length;
  } else {
    order_.push_back({static_cast<std::uint8_t>(chosen), skip_[chosen], run.length});
    skip_[chosen] = 0;
  }
  ordered_bytes_ += run.length;
  return true;
}

std::size_t Merge::gather(std::span<ByteView> out, std::size_t bytes_max) {
  while (ordered_bytes_ < order_bytes_max && take_next()) {
  }
  // Where each lane's next byte is, as the walk through the order goes on.
  struct Cursor {
    std::size_t chunk = 0;
    std::size_t offset = 0;
    bool begun = false;
  };
  std::array<Cursor, lanes_max + 1> cursors;
  std::size_t count = 0;
  for (const Ordered& stretch : order_) {
    const Lane& lane = lanes_[stretch.lane];
    Cursor& at = cursors[stretch.lane];
    std::uint64_t skip = stretch.skip;
    std::uint64_t left = stretch.length;
    while (left > 0 && bytes_max > 0 && count < out.size() && at.chunk < lane.chunks.size()) {
      const Chunk& chunk = lane.chunks[at.chunk];
      if (!at.begun) {
        at.offset = chunk.begin;
        at.begun = true;
      }
      const std::size_t here = chunk.end - at.offset;
      if (here == 0) {
        ++at.chunk;  // at the end of the last one: the rest of a large frame has not arrived
        at.begun = false;
        continue;
      }
      if (skip > 0) {
        const std::size_t step = std::min<std::uint64_t>(skip, here);
        at.offset += step;
        skip -= step;
        continue;
      }
      const std::size_t size = std::min<std::uint64_t>({left, here, bytes_max});
      out[count++] = {chunk.bytes.get() + at.offset, size};
      at.offset += size;
      left -= size;
      bytes_max -= size;
    }
    if (left > 0) break;  // out of room, or the rest of the stretch is still to come
  }
  return count;
}

void Merge::consume(std::size_t size, Credit& credit) {
  while (size > 0) {
    BP2P_CHECK(!order_.empty());
    Ordered& stretch = order_.front();
    Lane& lane = lanes_[stretch.lane];
    const std::uint64_t part = std::min<std::uint64_t>(size, stretch.length);
    const std::uint64_t gone = part + stretch.skip;
    drop(lane, gone);
    held_ -= gone;
    if (stretch.lane != control) credit[stretch.lane] += static_cast<std::uint32_t>(gone);
    stretch.skip = 0;
    stretch.length -= part;
    ordered_bytes_ -= part;
    size -= part;
    if (stretch.length == 0) order_.pop_front();
  }
}

void Merge::drop(Lane& lane, std::uint64_t size) {
  BP2P_CHECK(size <= lane.buffered);
  lane.buffered -= size;
  while (size > 0) {
    Chunk& chunk = lane.chunks.front();
    const std::size_t part = std::min<std::uint64_t>(size, chunk.end - chunk.begin);
    chunk.begin += part;
    size -= part;
    if (chunk.begin == chunk.end) lane.chunks.pop_front();  // an idle lane holds no memory
  }
}

const char* text_of(MergeError error) {
  switch (error) {
    case MergeError::frame_too_long: return "a frame longer than dist.max_frame";
    case MergeError::deadly_frame: return "a frame that would crash the node";
    case MergeError::bad_lane: return "a record for a lane that does not exist";
    case MergeError::too_many_records: return "more pieces on a lane than frames could be";
  }
  return "bad bytes on a lane";
}

}  // namespace bp2p::dist
