// One QUIC stream, as its user sees it.
#pragma once
#include <cstdint>

#include "daemon/quic/send_queue.h"
#include "proto/base/bytes.h"

namespace bp2p::quic {

struct Stream;

/// Whoever reads a stream and fills its queue. None of these may destroy the stream or its connection.
class StreamUser {
 public:
  virtual ~StreamUser() = default;
  /// In order. Flow control stays where it is until Connection::credit().
  virtual void on_bytes(Stream& stream, ByteView bytes, bool is_last) = 0;
  /// The queue let go of memory.
  virtual void on_acknowledged(Stream& stream) = 0;
  /// The peer reset it, or refuses to read more.
  virtual void on_reset(Stream& stream, std::uint64_t code) = 0;
  /// Both directions are over, or the connection is; the stream goes after this call.
  virtual void on_gone(Stream& stream) = 0;
};

/// Streams that take turns with other groups, and decide among themselves who is next.
class SendGroup {
 public:
  virtual ~SendGroup() = default;
  /// A stream that may_send(), or nullptr.
  virtual Stream* next_to_send() = 0;
  bool is_listed = false;  // in the connection's round
};

struct Stream {
  std::int64_t id = -1;
  SendQueue queue;
  StreamUser* user = nullptr;  ///< nullptr: nobody is interested any more
  std::uint32_t tag = 0;       ///< the user's own, to know it by
  SendGroup* group = nullptr;  ///< nullptr: urgent, goes before every group
  bool fin_wanted = false;     ///< end the stream after the queue
  bool fin_sent = false;
  bool any_sent = false;       ///< at least one frame of it
  bool is_reset = false;       ///< by the peer: nothing more comes
  bool is_tail = false;        // abandoned in good order: a close waits until the peer has it
  bool is_blocked = false;     ///< by the peer's flow control
  bool cannot_write = false;   ///< reset, or refused by the peer
  bool is_listed = false;      // among the connection's urgent streams

  bool may_send() const {
    return !is_blocked && !cannot_write && !fin_sent && (queue.has_unsent() || fin_wanted);
  }
};

}  // namespace bp2p::quic
