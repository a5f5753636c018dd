// The streams that carry a channel's frames to the peer, and whose turn it is.
//
// Frames leave in the order in which the node sent them, whatever their lanes, as long as little waits. Behind a backlog
// each lane gets an equal share, so that a pair that sends little does not wait for those that send much.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "daemon/quic/connection.h"
#include "proto/dist/route.h"

namespace bp2p {

class OutLanes final : public quic::SendGroup {
 public:
  /// `zero_first`: lane 0 goes before the others (rule `bulk`). `user` hears of the streams.
  OutLanes(quic::Connection& connection, quic::StreamUser& user, std::uint64_t channel, bool zero_first)
      : connection_(connection), user_(user), channel_(channel), zero_first_(zero_first) {}

  /// What follows on `lane` waits for these; false as below.
  bool append_after(std::uint8_t lane, std::span<const dist::After> after);
  /// Bytes of frames within `buffer`; `frames` as in SendQueue::append(). False: the peer grants no stream for the
  /// lane, or refused the one it had.
  bool append(std::uint8_t lane, const Buffer::Ref& buffer, ByteView bytes, std::uint64_t frames);

  /// Not acknowledged by the peer's daemon.
  std::uint64_t held_bytes() const;
  /// Lanes that have a stream.
  const std::vector<std::uint8_t>& in_use() const { return in_use_; }
  /// The stream goes. False: it is none of these.
  bool forget(const quic::Stream& stream);
  /// Every stream ends after what it has.
  void finish();
  /// Nobody looks at them any more (Connection::abandon()).
  void abandon(std::uint64_t code);

  quic::Stream* next_to_send() override;

 private:
  quic::Stream* stream(std::uint8_t lane);
  quic::Stream* oldest_with_a_share();

  quic::Connection& connection_;
  quic::StreamUser& user_;
  std::uint64_t channel_;
  bool zero_first_;
  std::array<quic::Stream*, dist::lanes_max> streams_{};
  std::vector<std::uint8_t> in_use_;
  std::uint64_t ever_used_ = 0;  // a bit each
  std::uint64_t stamp_ = 0;      // grows when the lane changes
  std::uint8_t stamp_lane_ = 0;
  std::array<std::uint64_t, dist::lanes_max> share_from_{};  // bytes that a lane had sent when this round began
  unsigned zero_in_a_row_ = 0;
};

}  // namespace bp2p
