// What a stream has to send: spans of shared buffers, in order, kept where they are until the peer has acknowledged
// them (ngtcp2 holds no copy for retransmission).
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "daemon/net/buffer.h"
#include "proto/base/bytes.h"

namespace bp2p::quic {

class SendQueue {
 public:
  /// Bytes within `buffer`. `stamp` orders queues of one channel among one another; `frames` is the number on this
  /// lane of the last frame that ends within `bytes` (0: does not matter). Adjacent bytes become one slice, up to a
  /// bound, unless `stamp` differs.
  void append(const Buffer::Ref& buffer, ByteView bytes, std::uint64_t stamp, std::uint64_t frames);
  /// A copy of a few bytes.
  void append_copy(ByteView bytes, std::uint64_t stamp, std::uint64_t frames = 0);

  bool has_unsent() const { return next_ < slices_.size(); }
  std::uint64_t next_stamp() const { return slices_[next_].stamp; }
  std::uint64_t unsent_bytes() const { return unsent_; }
  std::uint64_t held_bytes() const { return held_; }
  /// Ever, each byte once.
  std::uint64_t sent_bytes() const { return sent_; }

  /// Fills `out` with the next unsent bytes, from one or more slices; returns how many entries.
  std::size_t gather(std::span<ByteView> out) const;
  void on_sent(std::size_t size);
  /// The peer has the stream's bytes up to `offset`. True if whole slices were let go.
  bool on_acknowledged(std::uint64_t offset);
  /// Number of the last frame of which all bytes are acknowledged.
  std::uint64_t acknowledged_frames() const { return acknowledged_frames_; }
  void clear();

 private:
  // A slice is the grain at which memory is given back and lanes take turns.
  static constexpr std::size_t slice_max = 64 * 1024;
  struct Slice {
    Buffer::Ref buffer;
    const std::byte* data;
    std::size_t size;
    std::uint64_t stamp;
    std::uint64_t frames;
  };
  std::deque<Slice> slices_;
  std::size_t next_ = 0;         // the first slice with unsent bytes
  std::size_t next_offset_ = 0;  // of them, sent already
  std::uint64_t unsent_ = 0, held_ = 0, sent_ = 0;
  std::uint64_t base_ = 0;       // stream offset of slices_.front()
  std::uint64_t acknowledged_frames_ = 0;
  Buffer::Ref scratch_;
};

}  // namespace bp2p::quic
