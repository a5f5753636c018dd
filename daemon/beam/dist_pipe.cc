#include "daemon/beam/dist_pipe.h"

#include <algorithm>

#include "daemon/beam/preamble.h"
#include "proto/dist/records.h"

namespace bp2p {
namespace {

// Application codes of RESET_STREAM and STOP_SENDING (docs/wire.md 2.2).
constexpr std::uint64_t code_over = 0, code_broken = 1;

// A peer that agreed to a channel opens its control stream at once; one that refuses a stream says its close.
constexpr auto control_stream_budget = std::chrono::seconds{10}, close_budget = std::chrono::seconds{5};
constexpr auto control_try_period = std::chrono::milliseconds{20};
constexpr int control_tries_max = 250;

dist::HandshakeNames handshake_names(const StartChannel& channel) {
  return channel.opened_here ? dist::HandshakeNames{channel.names.local, channel.names.remote}
                             : dist::HandshakeNames{channel.names.remote, channel.names.local};
}

}  // namespace

DistPipe::DistPipe(boost::asio::io_context& io, int fd, ByteView first, SessionId leg, quic::Connection& connection,
                   const StartChannel& channel, const Options& options, PipeOwner& owner)
    : node_(io, fd),
      leg_(leg),
      connection_(connection),
      channel_(channel.channel),
      opened_here_(channel.opened_here),
      names_(channel.names),
      options_(options),
      owner_(owner),
      handshake_(handshake_names(channel)),
      input_(first),
      out_(connection, *this, channel.channel, options.rule == dist::LaneRule::bulk),
      merge_(merge_options()),
      patience_(io) {}

DistPipe::~DistPipe() {
  *alive_ = false;
  leave_streams(peer_closed_ ? code_over : code_broken);
}

// --- how it begins ------------------------------------------------------------------------------

void DistPipe::start() {
  if (opened_here_) {
    open_control();
  } else {
    give_peer_until(control_stream_budget, "the peer never opened the channel's control stream");
  }
}

void DistPipe::open_control() {
  control_ = connection_.open_bidirectional(*this, nullptr);
  if (control_ == nullptr) {
    // The peer's answer may have overtaken the frame that grants streams: that comes again soon, or never.
    if (++control_tries_ > control_tries_max) return abort("the peer grants no more streams");
    patience_.expires_after(control_try_period);
    patience_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
      if (*alive && !error && !is_over_) open_control();
    });
    return;
  }
  control_->queue.append_copy(preamble::of_control(channel_), 0);
  connection_.wants_to_send(*control_);
  take_node_bytes();
  wait_for_node();
}

void DistPipe::adopt(quic::Stream& stream, std::optional<std::uint8_t> lane, ByteView rest, bool is_last) {
  if (is_over_) return connection_.abandon(stream, code_over);
  const bool fits = lane ? *lane < dist::lanes_max && in_[*lane] == nullptr : control_ == nullptr && !opened_here_;
  if (!fits) {
    connection_.abandon(stream, code_broken);
    return abort("the peer opened a stream twice");
  }
  stream.user = this;
  if (lane) {
    in_[*lane] = &stream;
    stream.tag = *lane;
    return on_bytes(stream, rest, is_last);
  }
  control_ = &stream;
  patience_.cancel();
  on_bytes(stream, rest, is_last);
  if (is_over_) return;
  take_node_bytes();
  wait_for_node();
}

void DistPipe::on_handshake_over() {
  const bool lanes = handshake_.may_use_lanes();
  router_.emplace(lanes ? options_.rule : dist::LaneRule::single, lanes ? options_.lanes : 1);
  merge_.set_options(merge_options());
  merge_.open_gate();
  has_input_ = true;
}

/// The guard is right as soon as both nodes have said what they can: before the first frame of a lane, which may overtake
/// the end of the handshake.
dist::Merge::Options DistPipe::merge_options() const {
  return {.rule = options_.rule, .frame_max = options_.frame_max, .guard = handshake_.rejects_atom_cache()};
}

// --- how it ends --------------------------------------------------------------------------------

void DistPipe::on_reset(quic::Stream& stream, std::uint64_t) {
  if (&stream == control_ && peer_closed_) return;
  abort("the peer broke the channel off");
}

void DistPipe::on_gone(quic::Stream& stream) {
  if (&stream == control_) {
    control_ = nullptr;
    if (!peer_closed_) abort("the link is gone");
    return;
  }
  std::replace(in_.begin(), in_.end(), &stream, static_cast<quic::Stream*>(nullptr));
  if (out_.forget(stream) && !is_over_ && !peer_closed_ && !link_gone_) {
    // What was sent on it may be lost: either the peer is closing, or the channel is broken.
    peer_refuses_ = true;
    give_peer_until(close_budget, "the peer refused a stream");
    wait_for_node();
  }
}

void DistPipe::on_link_gone() {
  link_gone_ = true;
  if (!peer_closed_) return abort("the link is gone");
  write_to_node();  // what the peer said before its close may all be here, and our node only slow
}

void DistPipe::give_peer_until(Duration patience, std::string otherwise) {
  patience_.expires_after(patience);
  patience_.async_wait([this, why = std::move(otherwise), alive = alive_](const boost::system::error_code& error) {
    if (*alive && !error) abort(why);
  });
}

void DistPipe::leave_streams(std::uint64_t code) {
  if (link_gone_) return;  // they went with it
  out_.abandon(code);
  for (quic::Stream*& stream : in_)
    if (stream != nullptr) connection_.abandon(*std::exchange(stream, nullptr), code);
  if (control_ != nullptr) connection_.abandon(*std::exchange(control_, nullptr), code);
}

void DistPipe::abort(std::string why) {
  if (is_over_) return;
  leave_streams(peer_closed_ ? code_over : code_broken);
  end(std::move(why));
}

void DistPipe::end(std::string why) {
  if (is_over_) return;
  is_over_ = true;
  boost::system::error_code ignored;
  node_.close(ignored);
  owner_.on_pipe_over(leg_, why);
}

/// The node closed its end, or died. What it had sent before still goes out, and the peer's node is told after it.
void DistPipe::on_node_closed() {
  if (is_over_) return;
  node_gone_ = true;
  if (body_left_ > 0) return abort("the node went away in the middle of a frame");
  if (control_ != nullptr) {
    const auto& lanes = out_.in_use();
    Writer close;
    close.u32(dist::close_mark).u8(static_cast<std::uint8_t>(lanes.size()));
    for (const std::uint8_t lane : lanes) close.u8(lane).u64(router_ ? router_->sent(lane) : 0);
    control_->queue.append_copy(close.take(), 0);
    control_->fin_wanted = true;
    out_.finish();
  }
  leave_streams(code_over);
  end("");
}

/// After the peer's close: passes it on once every frame before it has been written.
void DistPipe::check_drained() {
  if (is_over_ || !peer_closed_ || !merge_.is_idle()) return;
  for (const auto& [lane, frames] : close_at_) {
    if (merge_.delivered(lane) >= frames) continue;
    if (link_gone_) abort("the link is gone");
    return;
  }
  leave_streams(code_over);
  end("");
}

PipeUse DistPipe::use() {
  const PipeStats now = stats();
  return {.passed = now.frames_in + now.frames_out,
          .is_moving = body_left_ > 0 || now.held_in > 0 || now.held_out > 0 || input_.rest().size() > 0 ||
                       has_unread(node_.native_handle())};
}

PipeStats DistPipe::stats() const {
  PipeStats out = stats_;
  out.held_out = out_.held_bytes();
  out.held_in = merge_.held();
  for (std::size_t lane = 0; lane < dist::lanes_max; ++lane) out.frames_in += merge_.delivered(static_cast<std::uint8_t>(lane));
  return out;
}

}  // namespace bp2p
