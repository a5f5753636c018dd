#include "daemon/beam/out_lanes.h"

#include <algorithm>

#include "daemon/beam/preamble.h"
#include "proto/dist/records.h"

namespace bp2p {
namespace {
// A lane's share of a round. On a slow line this is what an idle pair waits for each busy lane: a few packets.
constexpr std::uint64_t share_bytes = 8 * 1024;
// Under `bulk` lane 0 goes first; after this many picks in a row another lane that has something gets one.
constexpr unsigned zero_in_a_row_max = 256;
}  // namespace

quic::Stream* OutLanes::stream(std::uint8_t lane) {
  if (lane != stamp_lane_) {
    stamp_lane_ = lane;
    ++stamp_;
  }
  if (streams_[lane] != nullptr) return streams_[lane];
  const std::uint64_t bit = std::uint64_t{1} << lane;
  if (ever_used_ & bit) return nullptr;  // the peer refused it: never twice
  quic::Stream* stream = connection_.open_unidirectional(user_, this);
  if (stream == nullptr) return nullptr;
  ever_used_ |= bit;
  streams_[lane] = stream;
  in_use_.push_back(lane);
  stream->tag = lane;
  stream->queue.append_copy(preamble::of_lane(channel_, lane), stamp_);
  return stream;
}

bool OutLanes::append_after(std::uint8_t lane, std::span<const dist::After> after) {
  if (after.empty()) return true;
  quic::Stream* to = stream(lane);
  if (to == nullptr) return false;
  for (const dist::After& each : after) to->queue.append_copy(dist::write_after(each), stamp_);
  return true;
}

bool OutLanes::append(std::uint8_t lane, const Buffer::Ref& buffer, ByteView bytes, std::uint64_t frames) {
  quic::Stream* to = stream(lane);
  if (to == nullptr) return false;
  to->queue.append(buffer, bytes, stamp_, frames);
  connection_.wants_to_send(*to);
  return true;
}

std::uint64_t OutLanes::held_bytes() const {
  std::uint64_t sum = 0;
  for (const std::uint8_t lane : in_use_) sum += streams_[lane]->queue.held_bytes();
  return sum;
}

bool OutLanes::forget(const quic::Stream& stream) {
  const auto lane = std::find_if(in_use_.begin(), in_use_.end(), [&](std::uint8_t each) { return streams_[each] == &stream; });
  if (lane == in_use_.end()) return false;
  streams_[*lane] = nullptr;
  in_use_.erase(lane);
  return true;
}

void OutLanes::finish() {
  for (const std::uint8_t lane : in_use_) streams_[lane]->fin_wanted = true;
}

void OutLanes::abandon(std::uint64_t code) {
  for (const std::uint8_t lane : in_use_) connection_.abandon(*std::exchange(streams_[lane], nullptr), code);
  in_use_.clear();
  connection_.forget(*this);
}

quic::Stream* OutLanes::next_to_send() {
  quic::Stream* zero = zero_first_ ? streams_[0] : nullptr;
  quic::Stream* other = oldest_with_a_share();
  if (zero == nullptr || !zero->may_send()) {
    zero_in_a_row_ = 0;
    return other;
  }
  if (other != nullptr && ++zero_in_a_row_ > zero_in_a_row_max) {
    zero_in_a_row_ = 0;
    return other;
  }
  return zero;
}

quic::Stream* OutLanes::oldest_with_a_share() {
  for (;;) {
    quic::Stream* oldest = nullptr;
    bool used_up = false;
    for (const std::uint8_t lane : in_use_) {
      quic::Stream* stream = streams_[lane];
      if (!stream->may_send() || (zero_first_ && lane == 0)) continue;
      if (!stream->queue.has_unsent()) return stream;  // only its end is left
      if (stream->queue.sent_bytes() - share_from_[lane] >= share_bytes) {
        used_up = true;
      } else if (oldest == nullptr || stream->queue.next_stamp() < oldest->queue.next_stamp()) {
        oldest = stream;
      }
    }
    if (oldest != nullptr || !used_up) return oldest;
    for (const std::uint8_t lane : in_use_) share_from_[lane] = streams_[lane]->queue.sent_bytes();  // the next round
  }
}

}  // namespace bp2p
