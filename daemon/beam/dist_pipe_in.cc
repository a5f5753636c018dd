// From the peer to the node: the control stream's records, and the lanes' frames in one order again.
#include <algorithm>

#include "daemon/beam/dist_pipe.h"
#include "daemon/beam/write_gathered.h"
#include "daemon/clock.h"
#include "proto/dist/records.h"

namespace bp2p {

using boost::asio::posix::stream_descriptor;

void DistPipe::on_bytes(quic::Stream& stream, ByteView bytes, bool is_last) {
  if (is_over_) return;
  if (&stream == control_) {
    take_control(bytes);
    if (!is_over_) connection_.credit(stream, bytes.size());
    if (is_last && !peer_closed_) abort("the peer ended the channel without saying so");
    return;
  }
  if (!opened_here_ && !handshake_.is_over()) return abort("the peer sent frames before the handshake was over");
  stats_.bytes_in += bytes.size();
  const auto result = merge_.on_bytes(static_cast<std::uint8_t>(stream.tag), bytes);
  if (!result) return abort(std::string{"the peer sent "} + text_of(result.error()));
  has_input_ = true;
}

void DistPipe::take_control(ByteView bytes) {
  if (peer_closed_) return bytes.empty() ? void() : abort("the peer sent something after its close");
  control_in_.insert(control_in_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (!is_over_ && !peer_closed_ && control_in_.size() - at >= 4) {
    const ByteView rest = ByteView{control_in_}.subspan(at);
    const auto word = load_be<std::uint32_t>(rest.data());
    if (word & dist::record_bit) {
      if (rest.size() < dist::close_head_bytes) break;
      const std::size_t size = dist::close_head_bytes + dist::close_lane_bytes * std::to_integer<std::size_t>(rest[4]);
      if (rest.size() < size) break;
      if (!take_close(rest.first(size))) return;
      at += size;
      continue;
    }
    if (word > dist::Handshake::frame_max) return abort("the peer sent a handshake frame that is too long");
    if (rest.size() < 4 + word) break;
    if (!take_control_record(rest.subspan(4, word))) return;
    at += 4 + word;
  }
  control_in_.erase(control_in_.begin(), control_in_.begin() + static_cast<std::ptrdiff_t>(at));
}

bool DistPipe::take_control_record(ByteView payload) {
  if (payload.empty()) {
    // A tick. If the node does not read, one waiting is as good as many.
    if (merge_.is_idle()) merge_.push_control(payload);
    has_input_ = true;
    return true;
  }
  const auto result = opened_here_ ? handshake_.on_acceptor_frame(payload) : handshake_.on_dialler_frame(payload);
  if (!result) {
    abort(std::string{"the peer: "} + text_of(result.error()));
    return false;
  }
  merge_.push_control(payload);
  has_input_ = true;
  merge_.set_options(merge_options());
  if (opened_here_ && handshake_.given_name() && !names_.local) {
    names_.local = handshake_.given_name();
    owner_.on_node_named(leg_, *names_.local);
  }
  if (handshake_.is_over()) on_handshake_over();
  return true;
}

bool DistPipe::take_close(ByteView record) {
  Reader in{record};
  const bool is_close = in.u32() == dist::close_mark;
  in.u8();
  while (is_close && !in.rest().empty()) {
    const std::uint8_t lane = in.u8();
    close_at_.emplace_back(lane, in.u64());
  }
  if (!is_close || std::ranges::any_of(close_at_, [](const auto& each) { return each.first >= dist::lanes_max; })) {
    abort("the peer sent a record that has no meaning");
    return false;
  }
  peer_closed_ = true;
  has_input_ = true;
  patience_.cancel();
  wait_for_node();
  return true;
}

void DistPipe::write_to_node() {
  has_input_ = false;
  if (is_over_ || waits_to_write_) return;
  dist::Credit credit{};
  const NodeWrite result = node_takes_ ? write_gathered(node_.native_handle(), merge_, credit) : NodeWrite::gone;
  if (result == NodeWrite::gone) {
    // It closed its end. What it had sent before is still to be read, and reading says when that is all.
    node_takes_ = false;
    drop_gathered(merge_, credit);
    wait_for_node();
  }
  for (std::size_t lane = 0; lane < credit.size(); ++lane)
    if (credit[lane] > 0 && in_[lane] != nullptr) connection_.credit(*in_[lane], credit[lane]);
  if (result == NodeWrite::blocked) {
    wait_until_writable();
  } else {
    stats_.node_blocked_since.reset();
  }
  check_drained();
}

void DistPipe::wait_until_writable() {
  if (!stats_.node_blocked_since) stats_.node_blocked_since = read_clocks().steady;
  waits_to_write_ = true;
  node_.async_wait(stream_descriptor::wait_write, [this, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error) return;
    waits_to_write_ = false;
    write_to_node();
  });
}

}  // namespace bp2p
