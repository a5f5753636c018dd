#include "daemon/beam/dist_pipe.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "daemon/clock.h"
#include "proto/base/check.h"

namespace bp2p {
namespace {

using boost::asio::posix::stream_descriptor;

// docs/wire.md 2.2
constexpr std::uint32_t record_bit = 0x8000'0000u;
constexpr std::byte close_mark{0xbf};  // 1:1 63:7

// Application codes of RESET_STREAM and STOP_SENDING.
constexpr std::uint64_t code_over = 0, code_broken = 1;

// A read into less room than this wastes a system call: a fresh buffer is taken instead.
constexpr std::size_t read_room_min = 16 * 1024;
// Reads of one wake-up; then others get their turn.
constexpr int reads_per_wakeup = 4;
// A peer that agreed to a channel opens its control stream at once; one that refuses a stream says its close.
constexpr auto control_stream_budget = std::chrono::seconds{10}, close_budget = std::chrono::seconds{5};
constexpr auto control_try_period = std::chrono::milliseconds{20};
constexpr int control_tries_max = 250;
constexpr std::size_t vectors_per_write = 64;
constexpr std::size_t bytes_per_write = 256 * 1024;
// Under `bulk` lane 0 goes first; after this many picks in a row another lane that has something gets one.
constexpr unsigned lane_zero_streak_max = 256;

const char* text_of(dist::HandshakeError error) {
  switch (error) {
    case dist::HandshakeError::malformed: return "the handshake is malformed";
    case dist::HandshakeError::wrong_name: return "the handshake names a node that was not proven";
    case dist::HandshakeError::too_long: return "a handshake frame is too long";
    case dist::HandshakeError::too_many: return "the handshake does not end";
  }
  return "the handshake failed";
}

const char* text_of(dist::MergeError error) {
  switch (error) {
    case dist::MergeError::frame_too_long: return "a frame is longer than dist.max_frame";
    case dist::MergeError::deadly_frame: return "the peer sent a frame that would crash the node";
    case dist::MergeError::bad_lane: return "a lane that does not exist";
    case dist::MergeError::too_many_records: return "more pieces on a lane than frames could be";
  }
  return "bad bytes on a lane";
}

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
      merge_({.rule = options.rule, .frame_max = options.frame_max, .guard = true}),
      patience_(io) {
  buffer_ = Buffer::make(std::max(Buffer::read_size, first.size()));
  std::memcpy(buffer_->data(), first.data(), first.size());
  buffer_->grow(first.size());
}

DistPipe::~DistPipe() {
  *alive_ = false;
  leave_streams(false);
}

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
  std::array<std::byte, preamble::control_bytes> head;
  head[0] = std::byte{preamble::kind_control};
  store_be(head.data() + 1, channel_);
  control_->queue.append_copy(head, 0);
  connection_.wants_to_send(*control_);
  take_node_bytes();
  if (!is_over_) wait_for_node();
}

// --- from the node to the peer ------------------------------------------------------------------

bool DistPipe::may_read() const {
  std::uint64_t held = 0;
  for (const std::uint8_t lane : out_lanes_) held += out_[lane]->queue.held_bytes();
  // A slice of a few bytes holds a whole buffer, so both are counted.
  return held < options_.unacknowledged_max && live_.size() * Buffer::read_size < 2 * options_.unacknowledged_max;
}

void DistPipe::wait_for_node() {
  if (waits_for_node_ || is_over_ || node_gone_) return;
  // Before the control stream is there, nothing can be sent on; after the peer's close only our node's end matters.
  if (control_ == nullptr && !peer_closed_) return;
  prune_buffers();
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
  for (int i = 0; i < reads_per_wakeup && !is_over_; ++i) {
    if (buffer_->room() < read_room_min) {
      // Frames are looked at in one piece: what is not parsed yet moves along. It is less than a head.
      Buffer::Ref fresh = Buffer::make(Buffer::read_size);
      const std::size_t rest = buffer_->used() - parsed_;
      std::memcpy(fresh->data(), buffer_->data() + parsed_, rest);
      fresh->grow(rest);
      live_.push_back(std::move(buffer_));
      buffer_ = std::move(fresh);
      parsed_ = 0;
      prune_buffers();
      if (!may_read()) break;
    }
    const std::span<std::byte> room = buffer_->tail();
    const ssize_t size = ::recv(node_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    if (size == 0) return on_node_closed();
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return on_node_closed();
    }
    if (peer_closed_ || peer_refuses_) {  // nobody is there to get it
      parsed_ = buffer_->used();
      body_left_ = 0;
      continue;
    }
    buffer_->grow(static_cast<std::size_t>(size));
    take_node_bytes();
    if (static_cast<std::size_t>(size) < room.size()) break;
  }
  if (!is_over_) wait_for_node();
}

void DistPipe::prune_buffers() {
  std::erase_if(live_, [](const Buffer::Ref& buffer) { return !buffer.is_shared(); });
}

/// Cuts what was read into frames, as far as it goes, and gives each its lane.
void DistPipe::take_node_bytes() {
  while (!is_over_) {
    const ByteView rest{buffer_->data() + parsed_, buffer_->used() - parsed_};
    if (body_left_ > 0) {
      const std::size_t size = std::min<std::uint64_t>(body_left_, rest.size());
      if (size == 0) return;
      body_left_ -= size;
      parsed_ += size;
      take_frame_bytes(body_lane_, rest.first(size), router_->sent(body_lane_) - (body_left_ > 0 ? 1 : 0));
      continue;
    }
    if (rest.size() < 4) return;
    const auto length = load_be<std::uint32_t>(rest.data());
    if (length > options_.frame_max) return abort("the node sent a frame longer than dist.max_frame");
    if (length == 0) {
      parsed_ += 4;
      if (control_ != nullptr && control_->queue.held_bytes() < Buffer::small_size) {  // a tick says only "alive"
        control_->queue.append_copy(rest.first(4), 0);
        connection_.wants_to_send(*control_);
      }
      continue;
    }
    if (!handshake_.is_over()) {
      if (length > dist::Handshake::frame_max) return abort("the node sent a handshake frame that is too long");
      if (rest.size() < 4 + length) return;
      parsed_ += 4 + length;
      if (!take_handshake_frame(rest.subspan(4, length))) return;
      continue;
    }

    const ByteView payload = rest.subspan(4);
    std::uint8_t lane = 0;
    after_.clear();
    const bool quiet = router_->is_quiet();
    if (quiet && payload.size() < std::min<std::size_t>(length, 2)) return;
    const bool is_fragment = length >= 2 && (payload.size() >= 2) &&
                             (payload[1] == std::byte{69} || payload[1] == std::byte{70});
    if (quiet && (!is_fragment || router_->rule() == dist::LaneRule::single)) {
      router_->route_quiet();
    } else {
      const std::size_t head = std::min<std::size_t>(length, dist::head_bytes);
      if (payload.size() < head) return;
      lane = router_->route(dist::read_head(payload.first(head)), after_);
    }
    ++stats_.frames_out;
    if (lane != stamp_lane_) {
      stamp_lane_ = lane;
      ++stamp_;
    }
    if (!after_.empty()) {
      quic::Stream* stream = lane_stream(lane);
      if (stream == nullptr) return;
      for (const dist::After& after : after_) {
        std::array<std::byte, 8> record;
        store_be(record.data(), std::uint64_t{0x80u | after.lane} << 56 | after.frames);
        stream->queue.append_copy(record, stamp_);
      }
    }
    const std::size_t size = std::min<std::uint64_t>(4 + std::uint64_t{length}, rest.size());
    body_left_ = 4 + std::uint64_t{length} - size;
    body_lane_ = lane;
    parsed_ += size;
    take_frame_bytes(lane, rest.first(size), router_->sent(lane) - (body_left_ > 0 ? 1 : 0));
  }
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
  if (handshake_.is_over()) on_handshake_over();
  return true;
}

void DistPipe::on_handshake_over() {
  const bool lanes = handshake_.may_use_lanes();
  router_.emplace(lanes ? options_.rule : dist::LaneRule::single, lanes ? options_.lanes : 1);
  merge_.set_options({.rule = options_.rule, .frame_max = options_.frame_max, .guard = handshake_.rejects_atom_cache()});
  merge_.open_gate();
  has_input_ = true;
}

quic::Stream* DistPipe::lane_stream(std::uint8_t lane) {
  if (out_[lane] != nullptr) return out_[lane];
  if (lanes_used_ & (std::uint64_t{1} << lane)) return nullptr;  // the peer refused it: never twice
  lanes_used_ |= std::uint64_t{1} << lane;
  quic::Stream* stream = connection_.open_unidirectional(*this, this);
  if (stream == nullptr) {
    abort("the peer grants no more streams");
    return nullptr;
  }
  out_[lane] = stream;
  stream->tag = lane;
  out_lanes_.push_back(lane);
  std::array<std::byte, preamble::lane_bytes> head;
  head[0] = std::byte{preamble::kind_lane};
  store_be(head.data() + 1, channel_);
  head[9] = std::byte{lane};
  stream->queue.append_copy(head, stamp_);
  return stream;
}

void DistPipe::take_frame_bytes(std::uint8_t lane, ByteView bytes, std::uint64_t frames) {
  quic::Stream* stream = lane_stream(lane);
  if (stream == nullptr) return;
  stats_.bytes_out += bytes.size();
  stream->queue.append(buffer_, bytes, stamp_, frames);
  connection_.wants_to_send(*stream);
}

void DistPipe::on_acknowledged(quic::Stream& stream) {
  if (router_ && &stream != control_)
    router_->on_acknowledged(static_cast<std::uint8_t>(stream.tag), stream.queue.acknowledged_frames());
  wait_for_node();
}

quic::Stream* DistPipe::next_to_send() {
  quic::Stream* oldest = nullptr;
  const bool zero_first = options_.rule == dist::LaneRule::bulk;
  for (const std::uint8_t lane : out_lanes_) {
    quic::Stream* stream = out_[lane];
    if (!stream->may_send() || (zero_first && lane == 0)) continue;
    if (!stream->queue.has_unsent()) return stream;  // only its end is left
    if (oldest == nullptr || stream->queue.next_stamp() < oldest->queue.next_stamp()) oldest = stream;
  }
  if (!zero_first || out_[0] == nullptr || !out_[0]->may_send()) {
    lane_zero_streak_ = 0;
    return oldest;
  }
  if (oldest != nullptr && ++lane_zero_streak_ > lane_zero_streak_max) {
    lane_zero_streak_ = 0;
    return oldest;
  }
  return out_[0];
}

/// The node closed its end, or died. What it had sent before still goes out, and the peer's node is told after it.
void DistPipe::on_node_closed() {
  if (is_over_) return;
  node_gone_ = true;
  if (body_left_ > 0) return abort("the node went away in the middle of a frame");
  if (control_ != nullptr) {
    Writer close;
    close.u8(std::to_integer<std::uint8_t>(close_mark)).u8(0).u8(0).u8(0).u8(static_cast<std::uint8_t>(out_lanes_.size()));
    for (const std::uint8_t lane : out_lanes_) close.u8(lane).u64(router_ ? router_->sent(lane) : 0);
    control_->queue.append_copy(close.take(), 0);
    control_->fin_wanted = true;
    for (const std::uint8_t lane : out_lanes_) out_[lane]->fin_wanted = true;
  }
  leave_streams(true);
  end("");
}

// --- from the peer to the node ------------------------------------------------------------------

void DistPipe::adopt(quic::Stream& stream, std::optional<std::uint8_t> lane, ByteView rest, bool is_last) {
  if (is_over_) return connection_.abandon(stream, code_over);
  const bool fits = lane ? *lane < dist::lanes_max && in_[*lane] == nullptr : control_ == nullptr && !opened_here_;
  if (!fits) {
    connection_.abandon(stream, code_broken);
    return abort("the peer opened a stream twice");
  }
  stream.user = this;
  if (!lane) patience_.cancel();
  if (lane) {
    in_[*lane] = &stream;
    stream.tag = *lane;
  } else {
    control_ = &stream;
  }
  on_bytes(stream, rest, is_last);
  if (!lane && !is_over_) {
    take_node_bytes();
    wait_for_node();
  }
}

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
  if (!result) return abort(text_of(result.error()));
  has_input_ = true;
}

void DistPipe::take_control(ByteView bytes) {
  if (peer_closed_) return bytes.empty() ? void() : abort("the peer sent something after its close");
  control_in_.insert(control_in_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (!is_over_ && !peer_closed_ && control_in_.size() - at >= 4) {
    const ByteView rest = ByteView{control_in_}.subspan(at);
    const auto word = load_be<std::uint32_t>(rest.data());
    if (word & record_bit) {
      if (rest.size() < 5) break;
      const std::size_t size = 5 + 9 * std::to_integer<std::size_t>(rest[4]);
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
  if (opened_here_ && handshake_.given_name() && !names_.local) {
    names_.local = handshake_.given_name();
    owner_.on_node_named(leg_, *names_.local);
  }
  if (handshake_.is_over()) on_handshake_over();
  return true;
}

bool DistPipe::take_close(ByteView record) {
  if (record[0] != close_mark) {
    abort("the peer sent a record that has no meaning");
    return false;
  }
  Reader in{record.subspan(5)};
  while (!in.rest().empty()) {
    const std::uint8_t lane = in.u8();
    const std::uint64_t frames = in.u64();
    if (lane >= dist::lanes_max) {
      abort("the peer closed a lane that does not exist");
      return false;
    }
    close_at_.emplace_back(lane, frames);
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
  for (;;) {
    std::array<ByteView, vectors_per_write> spans;
    const std::size_t count = merge_.gather(spans, bytes_per_write);
    if (count == 0) break;
    std::array<iovec, vectors_per_write> vectors;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<std::byte*>(spans[i].data()), spans[i].size()};
      wanted += spans[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t size = ::sendmsg(node_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        if (!stats_.node_blocked_since) stats_.node_blocked_since = read_clocks().steady;
        wait_until_writable();
        break;
      }
      // The node is gone; reading says so too, with what it had sent before.
      if (!waits_for_node_) on_node_closed();
      break;
    }
    stats_.node_blocked_since.reset();
    merge_.consume(static_cast<std::size_t>(size), credit);
    if (static_cast<std::size_t>(size) < wanted) {
      wait_until_writable();
      break;
    }
  }
  for (std::size_t lane = 0; lane < credit.size() && !is_over_; ++lane)
    if (credit[lane] > 0 && in_[lane] != nullptr) connection_.credit(*in_[lane], credit[lane]);
  check_drained();
}

void DistPipe::wait_until_writable() {
  if (waits_to_write_) return;
  waits_to_write_ = true;
  node_.async_wait(stream_descriptor::wait_write, [this, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error) return;
    waits_to_write_ = false;
    write_to_node();
  });
}

/// After the peer's close: passes it on once every frame before it has been written.
void DistPipe::check_drained() {
  if (is_over_ || !peer_closed_ || !merge_.is_idle()) return;
  for (const auto& [lane, frames] : close_at_)
    if (merge_.delivered(lane) < frames) return;
  leave_streams(false);
  end("");
}

void DistPipe::on_reset(quic::Stream& stream, std::uint64_t) {
  // A peer whose node went away takes back what it was still to read from us; its own close says the rest.
  for (const std::uint8_t lane : out_lanes_) {
    if (out_[lane] == &stream) {
      stream.cannot_write = true;
      stream.queue.clear();
      return;
    }
  }
  if (&stream == control_ && peer_closed_) return;
  abort("the peer broke the channel off");
}

void DistPipe::on_gone(quic::Stream& stream) {
  if (&stream == control_) {
    control_ = nullptr;
    if (!peer_closed_) abort("the link is gone");
    return;
  }
  bool refused = false;
  for (std::size_t lane = 0; lane < in_.size(); ++lane) {
    if (in_[lane] == &stream) in_[lane] = nullptr;
    if (out_[lane] == &stream) {
      out_[lane] = nullptr;
      std::erase(out_lanes_, static_cast<std::uint8_t>(lane));
      refused = true;
    }
  }
  if (refused && !is_over_ && !peer_closed_ && !link_gone_) {
    // What was sent on it may be lost: either the peer is closing, or the channel is broken.
    peer_refuses_ = true;
    give_peer_until(close_budget, "the peer refused a stream");
    wait_for_node();
  }
}

void DistPipe::on_link_gone() {
  link_gone_ = true;
  abort("the link is gone");
}

void DistPipe::give_peer_until(Duration patience, std::string otherwise) {
  patience_.expires_after(patience);
  patience_.async_wait([this, why = std::move(otherwise), alive = alive_](const boost::system::error_code& error) {
    if (*alive && !error) abort(why);
  });
}

void DistPipe::leave_streams(bool orderly) {
  const std::uint64_t code = orderly ? code_over : code_broken;
  const auto leave = [&](quic::Stream*& stream) {
    if (stream != nullptr && !link_gone_) connection_.abandon(*stream, peer_closed_ ? code_over : code);
    stream = nullptr;
  };
  for (std::size_t lane = 0; lane < in_.size(); ++lane) {
    leave(out_[lane]);
    leave(in_[lane]);
  }
  out_lanes_.clear();
  leave(control_);
  if (!link_gone_) connection_.forget(*this);
}

void DistPipe::abort(std::string why) {
  if (is_over_) return;
  leave_streams(false);
  end(std::move(why));
}

void DistPipe::end(std::string why) {
  if (is_over_) return;
  is_over_ = true;
  boost::system::error_code ignored;
  node_.close(ignored);
  owner_.on_pipe_over(leg_, why);
}

PipeStats DistPipe::stats() const {
  PipeStats out = stats_;
  for (const std::uint8_t lane : out_lanes_) out.held_out += out_[lane]->queue.held_bytes();
  out.held_in = merge_.held();
  for (std::size_t lane = 0; lane < dist::lanes_max; ++lane) out.frames_in += merge_.delivered(static_cast<std::uint8_t>(lane));
  out.lanes = router_ ? router_->lanes() : 0;
  out.handshake_over = handshake_.is_over();
  return out;
}

}  // namespace bp2p
