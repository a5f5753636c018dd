#include "daemon/beam/overlay_stream.h"

#include <utility>

#include "daemon/beam/preamble.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace {

// A newcomer to a cluster of 10,000 is told 3 MB of records at once; gossip holds itself to less.
constexpr std::size_t queue_bytes_max = std::size_t{8} << 20;
// In one batch of packets: a stream's window of 1 MiB holds tens of thousands of the smallest; guess.
constexpr std::size_t messages_max = 65'536;
constexpr std::uint64_t code_over = 0, code_broken = 1;  // docs/wire.md 2.2

}  // namespace

std::size_t OverlayStream::backlog() const { return waiting_bytes_ + (out_ != nullptr ? out_->queue.held_bytes() : 0); }

bool OverlayStream::send(ByteView message) {
  if (is_finished_) return true;
  if (backlog() + message.size() > queue_bytes_max) return false;
  waiting_.emplace_back(message.begin(), message.end());
  waiting_bytes_ += message.size();
  sent_since_ += message.size();
  flush();
  return true;
}

void OverlayStream::flush() {
  if (waiting_.empty()) return;
  if (out_ == nullptr) {
    out_ = connection_.open_unidirectional(*this, &turn_);
    if (out_ == nullptr) return;
    turn_.stream = out_;
    out_->queue.append_copy(preamble::of_overlay(), 0);
  }
  for (const Bytes& message : waiting_) {
    std::array<std::byte, 4> length;
    store_be(length.data(), static_cast<std::uint32_t>(message.size()));
    out_->queue.append_copy(length, 0);
    out_->queue.append_copy(message, 0);
  }
  waiting_.clear();
  waiting_bytes_ = 0;
  connection_.wants_to_send(*out_);
}

void OverlayStream::finish() {
  flush();
  is_finished_ = true;
  if (out_ == nullptr) return;
  turn_.stream = nullptr;
  out_->fin_wanted = true;
  connection_.abandon(*std::exchange(out_, nullptr), code_over);
}

void OverlayStream::adopt(quic::Stream& stream, ByteView rest) {
  if (in_ != nullptr) {
    is_broken_ = true;
    return connection_.abandon(stream, code_broken);
  }
  in_ = &stream;
  stream.user = this;
  on_bytes(stream, rest, false);
}

void OverlayStream::detach() {
  if (out_ != nullptr) out_->user = nullptr;
  if (in_ != nullptr) in_->user = nullptr;
  if (out_ != nullptr) connection_.forget(turn_);
  out_ = in_ = nullptr;
  turn_.stream = nullptr;
}

std::vector<Bytes> OverlayStream::take_messages() {
  if (in_ != nullptr && to_credit_ > 0) connection_.credit(*in_, std::exchange(to_credit_, 0));
  return std::exchange(messages_, {});
}

void OverlayStream::on_bytes(quic::Stream&, ByteView bytes, bool) {
  to_credit_ += bytes.size();
  if (!reader_.take(bytes, {limits::peer_message_bytes_max, messages_max}, messages_)) is_broken_ = true;
}

void OverlayStream::on_acknowledged(quic::Stream&) {
  if (sent_since_ <= backlog_low_ || backlog() > backlog_low_) return;
  sent_since_ = 0;
  has_room_ = true;
}

void OverlayStream::on_reset(quic::Stream&, std::uint64_t) { is_broken_ = true; }

void OverlayStream::on_gone(quic::Stream& stream) {
  if (&stream == out_) {
    out_ = turn_.stream = nullptr;
    is_broken_ = true;  // the peer refuses it; at the end of a connection nobody asks
  }
  if (&stream == in_) in_ = nullptr;
}

}  // namespace bp2p
