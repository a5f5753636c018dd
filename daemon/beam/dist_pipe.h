// The data road of one channel over a link: dist frames from the node's Unix socket onto the streams of the link, and
// back. No frame is decoded beyond its head, none is copied on the way out and each once on the way in, and nothing
// here goes through the core.
//
// Back-pressure: what the peer has not acknowledged is bounded (then the socket is not read, and the node's port gets
// busy); what the node has not taken is bounded by the streams' windows, which open only when bytes are written on.
//
// dist_pipe.cc: how it begins and ends; dist_pipe_out.cc: from the node to the peer; dist_pipe_in.cc: back.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/beam/node_input.h"
#include "daemon/beam/out_lanes.h"
#include "daemon/beam/pipe.h"
#include "daemon/quic/connection.h"
#include "proto/core/effects.h"
#include "proto/dist/handshake.h"
#include "proto/dist/merge.h"
#include "proto/dist/route.h"

namespace bp2p {

class DistPipe final : public quic::StreamUser {
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
  void adopt(quic::Stream& stream, std::optional<std::uint8_t> lane, ByteView rest, bool is_last);
  /// The connection goes after this call. What has come whole, and was to be the last, is still written.
  void on_link_gone();
  /// Ends the channel at once, for both nodes.
  void break_off(std::string why) { abort(std::move(why)); }
  /// Ends the channel as if our node had closed it: what it had sent before is delivered, and the peer's node is told after.
  void close() { on_node_closed(); }
  /// Writes to the node what has come in.
  void write_to_node();

  SessionId leg() const { return leg_; }
  std::uint64_t channel() const { return channel_; }
  bool has_input() const { return has_input_; }
  PipeStats stats() const;
  PipeUse use();

  // quic::StreamUser
  void on_bytes(quic::Stream& stream, ByteView bytes, bool is_last) override;
  void on_acknowledged(quic::Stream& stream) override;
  void on_reset(quic::Stream& stream, std::uint64_t code) override;
  void on_gone(quic::Stream& stream) override;

 private:
  void open_control();
  void on_handshake_over();
  dist::Merge::Options merge_options() const;
  void give_peer_until(Duration patience, std::string otherwise);
  /// Ends everything at once; `why` for the log.
  void abort(std::string why);
  void end(std::string why);
  void leave_streams(std::uint64_t code);

  // From the node to the peer.
  bool may_read();
  void wait_for_node();
  void read_node();
  void take_node_bytes();
  bool take_frame(std::uint32_t length, ByteView rest);
  bool take_handshake_frame(ByteView payload);
  void take_tick(ByteView tick);
  bool pass_on(std::uint8_t lane, ByteView bytes);
  void on_node_closed();

  // From the peer to the node.
  void take_control(ByteView bytes);
  bool take_control_record(ByteView payload);
  bool take_close(ByteView record);
  void wait_until_writable();
  void check_drained();

  boost::asio::posix::stream_descriptor node_;
  SessionId leg_;
  quic::Connection& connection_;
  std::uint64_t channel_;
  bool opened_here_;
  ChannelNames names_;
  Options options_;
  PipeOwner& owner_;

  dist::Handshake handshake_;
  quic::Stream* control_ = nullptr;
  int control_tries_ = 0;

  NodeInput input_;
  std::optional<dist::Router> router_;  // once the handshake is over
  OutLanes out_;
  std::vector<dist::After> after_;
  std::uint64_t body_left_ = 0;         // of the frame being passed on
  std::uint8_t body_lane_ = 0;

  Bytes control_in_;
  std::array<quic::Stream*, dist::lanes_max> in_{};
  dist::Merge merge_;
  std::vector<std::pair<std::uint8_t, std::uint64_t>> close_at_;  // frames a lane ends with
  bool has_input_ = false;

  bool peer_closed_ = false;
  bool peer_refuses_ = false;  // what our node still sends: its close must follow
  bool node_takes_ = true;     // false: it closed its end, perhaps with something left for us to read
  bool node_gone_ = false, link_gone_ = false, is_over_ = false;
  bool waits_for_node_ = false, waits_to_write_ = false;
  boost::asio::steady_timer patience_;
  PipeStats stats_;
  // Asio's completions outlive the pipe; they look here first.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bp2p
