// From the node to the peer: reads the node's socket, cuts frames, and gives each its lane.
#include <algorithm>

#include "daemon/beam/dist_pipe.h"
#include "daemon/clock.h"

namespace bp2p {
namespace {

using boost::asio::posix::stream_descriptor;

// Reads of one wake-up; then others get their turn.
constexpr int reads_per_wakeup = 4;

}  // namespace

bool DistPipe::may_read() {
  // A slice of a few bytes holds a whole buffer, so both are counted.
  return out_.held_bytes() < options_.unacknowledged_max && input_.held_bytes() < 2 * options_.unacknowledged_max;
}

void DistPipe::wait_for_node() {
  if (waits_for_node_ || is_over_ || node_gone_) return;
  // Before the control stream is there, nothing can be sent on; after the peer's close only our node's end matters.
  if (control_ == nullptr && !peer_closed_) return;
  if (!may_read()) {
    if (!stats_.peer_blocked_since) stats_.peer_blocked_since = read_clocks().steady;
    return;
  }
  stats_.peer_blocked_since.reset();
  waits_for_node_ = true;
  node_.async_wait(stream_descriptor::wait_read, [this, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error) return;
    waits_for_node_ = false;
    read_node();
  });
}

void DistPipe::read_node() {
  for (int i = 0; i < reads_per_wakeup && !is_over_ && may_read(); ++i) {
    const NodeInput::Read result = input_.read(node_.native_handle());
    if (peer_closed_ || peer_refuses_) {  // nobody is there to get it
      input_.skip(input_.rest().size());
      body_left_ = 0;
    }
    if (result == NodeInput::Read::closed) return on_node_closed();
    take_node_bytes();
    if (result == NodeInput::Read::drained) break;
  }
  wait_for_node();
}

/// Cuts what was read into frames, as far as it goes.
void DistPipe::take_node_bytes() {
  while (!is_over_) {
    const ByteView rest = input_.rest();
    if (body_left_ > 0) {
      const std::size_t size = std::min<std::uint64_t>(body_left_, rest.size());
      if (size == 0) return;
      body_left_ -= size;
      if (!pass_on(body_lane_, rest.first(size))) return;
      continue;
    }
    if (rest.size() < 4) return;
    const auto length = load_be<std::uint32_t>(rest.data());
    if (length > options_.frame_max) return abort("the node sent a frame longer than dist.max_frame");
    if (length == 0) {
      take_tick(rest.first(4));
      input_.skip(4);
    } else if (!handshake_.is_over()) {
      if (length > dist::Handshake::frame_max) return abort("the node sent a handshake frame that is too long");
      if (rest.size() < 4 + length) return;
      const ByteView frame = rest.subspan(4, length);
      input_.skip(4 + length);
      if (!take_handshake_frame(frame)) return;
    } else if (!take_frame(length, rest)) {
      return;
    }
  }
}

/// A frame of which `rest` has the beginning. False: not enough of it to know where it goes, or the channel is over.
bool DistPipe::take_frame(std::uint32_t length, ByteView rest) {
  const ByteView payload = rest.subspan(4);
  std::uint8_t lane = 0;
  after_.clear();
  const bool quiet = router_->is_quiet();
  if (quiet && payload.size() < std::min<std::size_t>(length, 2)) return false;
  if (quiet && (router_->rule() == dist::LaneRule::single || !dist::is_fragment(payload))) {
    router_->route_quiet();
  } else {
    const std::size_t head = std::min<std::size_t>(length, dist::head_bytes);
    if (payload.size() < head) return false;
    lane = router_->route(dist::read_head(payload.first(head)), after_);
  }
  ++stats_.frames_out;
  if (!out_.append_after(lane, after_)) {
    abort("the peer grants no stream for a lane");
    return false;
  }
  const std::size_t size = std::min<std::uint64_t>(4 + std::uint64_t{length}, rest.size());
  body_left_ = 4 + std::uint64_t{length} - size;
  body_lane_ = lane;
  return pass_on(lane, rest.first(size));
}

/// Bytes of the frame that is under way; body_left_ is what comes after them.
bool DistPipe::pass_on(std::uint8_t lane, ByteView bytes) {
  input_.skip(bytes.size());
  stats_.bytes_out += bytes.size();
  if (out_.append(lane, input_.buffer(), bytes, router_->sent(lane) - (body_left_ > 0 ? 1 : 0))) return true;
  abort("the peer grants no stream for a lane");
  return false;
}

void DistPipe::take_tick(ByteView tick) {
  // It says only "alive": none is lost by one too few.
  if (control_ == nullptr || control_->queue.held_bytes() >= Buffer::small_size) return;
  control_->queue.append_copy(tick, 0);
  connection_.wants_to_send(*control_);
}

bool DistPipe::take_handshake_frame(ByteView payload) {
  const auto result = opened_here_ ? handshake_.on_dialler_frame(payload) : handshake_.on_acceptor_frame(payload);
  if (!result) {
    abort(std::string{"our node: "} + text_of(result.error()));
    return false;
  }
  if (control_ == nullptr) {
    abort("the node spoke before it was asked");
    return false;
  }
  std::array<std::byte, 4> length;
  store_be(length.data(), static_cast<std::uint32_t>(payload.size()));
  control_->queue.append_copy(length, 0);
  control_->queue.append_copy(payload, 0);
  connection_.wants_to_send(*control_);
  merge_.set_options(merge_options());
  if (handshake_.is_over()) on_handshake_over();
  return true;
}

void DistPipe::on_acknowledged(quic::Stream& stream) {
  if (router_ && &stream != control_)
    router_->on_acknowledged(static_cast<std::uint8_t>(stream.tag), stream.queue.acknowledged_frames());
  wait_for_node();
}

}  // namespace bp2p
