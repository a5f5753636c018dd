// What the overlay says on a link, and hears: one unidirectional stream each way, in turn with the channels' lanes, so
// that a large broadcast delays no channel's first words.
#pragma once
#include <cstdint>
#include <vector>

#include "daemon/beam/message_reader.h"
#include "daemon/quic/connection.h"

namespace bp2p {

class OverlayStream final : public quic::StreamUser {
 public:
  OverlayStream(quic::Connection& connection, std::size_t backlog_low) : connection_(connection), backlog_low_(backlog_low) {}
  ~OverlayStream() override { detach(); }

  /// False: the peer takes too little, and too much is waiting.
  bool send(ByteView message);
  /// Until the peer has admitted us there is no credit for the stream: what was said waits, and this tries again.
  void flush();
  /// What was said still arrives, and nothing more: before the link is closed in good order.
  void finish();
  /// The peer's stream, its preamble taken off.
  void adopt(quic::Stream& stream, ByteView rest);
  /// The connection goes: its streams with it.
  void detach();

  /// Whole messages that came since the last call; the peer may then send as much again.
  std::vector<Bytes> take_messages();
  bool is_broken() const { return is_broken_; }
  /// Set when more than the mark was sent since it was last read, and less than it waits; read once.
  bool take_has_room() { return std::exchange(has_room_, false); }
  std::size_t backlog() const;

  // quic::StreamUser
  void on_bytes(quic::Stream& stream, ByteView bytes, bool is_last) override;
  void on_acknowledged(quic::Stream& stream) override;
  void on_reset(quic::Stream& stream, std::uint64_t code) override;
  void on_gone(quic::Stream& stream) override;

 private:
  struct Alone final : quic::SendGroup {
    quic::Stream* stream = nullptr;
    quic::Stream* next_to_send() override { return stream != nullptr && stream->may_send() ? stream : nullptr; }
  };

  quic::Connection& connection_;
  std::size_t backlog_low_;
  Alone turn_;
  quic::Stream* out_ = nullptr;
  quic::Stream* in_ = nullptr;
  std::vector<Bytes> waiting_;  // for the stream to be opened
  std::size_t waiting_bytes_ = 0;
  MessageReader reader_;
  std::vector<Bytes> messages_;
  std::uint64_t to_credit_ = 0;
  std::size_t sent_since_ = 0;  // the core was told what waits: it counts what it says, and hears from us what has left
  bool has_room_ = false, is_broken_ = false, is_finished_ = false;
};

}  // namespace bp2p
