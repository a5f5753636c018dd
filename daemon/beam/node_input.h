// What was read from a node's socket: the bytes that have not been looked at yet, and the memory of those that streams
// still hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/net/buffer.h"
#include "proto/base/bytes.h"

namespace bp2p {

class NodeInput {
 public:
  /// `first`: what was read before.
  explicit NodeInput(ByteView first);

  enum class Read : std::uint8_t {
    full,     ///< there may be more
    drained,  ///< that was all for now
    closed,   ///< the node closed its end, or died
  };
  /// One system call; what it gives is added to rest().
  Read read(int fd);

  /// In one piece, within buffer().
  ByteView rest() const { return {buffer_->data() + parsed_, buffer_->used() - parsed_}; }
  const Buffer::Ref& buffer() const { return buffer_; }
  /// The first `size` bytes of rest() are done with here.
  void skip(std::size_t size) { parsed_ += size; }
  /// Memory that streams hold: whole buffers, be it for a slice of a few bytes.
  std::size_t held_bytes();

 private:
  Buffer::Ref buffer_;             // the one being filled
  std::size_t parsed_ = 0;         // of it
  std::vector<Buffer::Ref> live_;  // those that streams may still hold
};

}  // namespace bp2p
