// The data road of one channel over a link: dist frames from the node's Unix socket onto the streams of the link, and
// back. No frame is decoded beyond its head, none is copied on the way out and each once on the way in, and nothing
// here goes through the core.
//
// Back-pressure: what the peer has not acknowledged is bounded (then the socket is not read, and the node's port gets
// busy); what the node has not taken is bounded by the streams' windows, which open only when bytes are written on.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/net/buffer.h"
#include "daemon/quic/connection.h"
#include "proto/core/effects.h"
#include "proto/dist/handshake.h"
#include "proto/dist/merge.h"
#include "proto/dist/route.h"

namespace bp2p {

/// How every stream of a channel begins (docs/wire.md 2.2): `Kind:8 Channel:64`, and on a lane `Lane:8`.
namespace preamble {
inline constexpr std::uint8_t kind_control = 1, kind_lane = 2;
inline constexpr std::size_t control_bytes = 9, lane_bytes = 10;
}  // namespace preamble

struct PipeStats {
  std::uint64_t bytes_in = 0, bytes_out = 0;    ///< in: from the peer to the node
  std::uint64_t frames_in = 0, frames_out = 0;
  std::uint64_t held_out = 0;                   ///< not acknowledged by the peer's daemon
  std::uint64_t held_in = 0;                    ///< not taken by the node
  std::optional<TimePoint> node_blocked_since;  ///< the node does not read
  std::optional<TimePoint> peer_blocked_since;  ///< we do not read the node
  std::size_t lanes = 0;
  bool handshake_over = false;
};

/// What a pipe reports to whoever owns it; none of these may destroy it.
class PipeOwner {
 public:
  virtual ~PipeOwner() = default;
  /// The node at our end was given this name in the handshake.
  virtual void on_node_named(SessionId leg, const NodeName& name) = 0;
  /// It is over; `why` is empty for an orderly end. Destroy it later.
  virtual void on_pipe_over(SessionId leg, const std::string& why) = 0;
};

class DistPipe final : public quic::StreamUser, public quic::SendGroup {
 public:
  struct Options {
    dist::LaneRule rule = dist::LaneRule::bulk;
    std::size_t lanes = 8;
    std::uint64_t unacknowledged_max = 4u << 20;
    std::uint32_t frame_max = 1u << 30;
  };

  /// `fd`: the node's socket, non-blocking, now ours. `first`: what was read from it already.
  DistPipe(boost::asio::io_context& io, int fd, ByteView first, SessionId leg, quic::Connection& connection,
           const StartChannel& channel, const Options& options, PipeOwner& owner);
  ~DistPipe() override;

  /// Begins to move bytes: opens the control stream when our node dialled.
  void start();
  /// A stream that the peer opened for this channel, its preamble taken off; `lane` none: the control stream.
  /// False: it makes no sense, the channel ends.
  void adopt(quic::Stream& stream, std::optional<std::uint8_t> lane, ByteView rest, bool is_last);
  /// The connection goes after this call.
  void on_link_gone();
  /// Ends the channel at once, for both nodes.
  void break_off(std::string why) { abort(std::move(why)); }
  /// Writes to the node what has come in.
  void write_to_node();

  SessionId leg() const { return leg_; }
  std::uint64_t channel() const { return channel_; }
  bool has_input() const { return has_input_; }
  PipeStats stats() const;

  // quic::StreamUser, quic::SendGroup
  void on_bytes(quic::Stream& stream, ByteView bytes, bool is_last) override;
  void on_acknowledged(quic::Stream& stream) override;
  void on_reset(quic::Stream& stream, std::uint64_t code) override;
  void on_gone(quic::Stream& stream) override;
  quic::Stream* next_to_send() override;

 private:
  // From the node to the peer.
  void open_control();
  void give_peer_until(Duration patience, std::string otherwise);
  void wait_for_node();
  void read_node();
  void take_node_bytes();
  bool take_handshake_frame(ByteView payload);
  void take_frame_bytes(std::uint8_t lane, ByteView bytes, std::uint64_t frames);
  quic::Stream* lane_stream(std::uint8_t lane);
  bool may_read() const;
  void prune_buffers();
  void on_node_closed();

  // From the peer to the node.
  void take_control(ByteView bytes);
  bool take_control_record(ByteView payload);
  bool take_close(ByteView record);
  void wait_until_writable();
  void check_drained();

  void on_handshake_over();
  /// Ends everything at once; `why` for the log.
  void abort(std::string why);
  void end(std::string why);
  void leave_streams(bool orderly);

  boost::asio::posix::stream_descriptor node_;
  SessionId leg_;
  quic::Connection& connection_;
  std::uint64_t channel_;
  bool opened_here_;
  ChannelNames names_;
  Options options_;
  PipeOwner& owner_;

  dist::Handshake handshake_;
  std::optional<dist::Router> router_;  // once the handshake is over
  dist::Merge merge_;
  std::vector<dist::After> after_;

  quic::Stream* control_ = nullptr;
  std::array<quic::Stream*, dist::lanes_max> out_{}, in_{};
  std::vector<std::uint8_t> out_lanes_;  // those that have a stream
  std::uint64_t lanes_used_ = 0;  // a bit each: those that ever had a stream
  int control_tries_ = 0;
  std::uint64_t stamp_ = 0;
  std::uint8_t stamp_lane_ = 0;
  unsigned lane_zero_streak_ = 0;

  Buffer::Ref buffer_;             // the one being filled
  std::size_t parsed_ = 0;         // of it
  std::vector<Buffer::Ref> live_;  // those that streams still hold
  std::uint64_t body_left_ = 0;    // of the frame being passed on
  std::uint8_t body_lane_ = 0;

  Bytes control_in_;
  std::vector<std::pair<std::uint8_t, std::uint64_t>> close_at_;  // frames a lane ends with
  bool peer_closed_ = false;
  bool peer_refuses_ = false;  // what our node still sends: its close must follow
  bool link_gone_ = false;
  bool waits_for_node_ = false, waits_to_write_ = false, has_input_ = false, is_over_ = false, node_gone_ = false;
  boost::asio::steady_timer patience_;
  PipeStats stats_;
  // Asio's completions outlive the pipe; they look here first.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bp2p
