// What a connection writes, and whose turn it is.
#include <algorithm>
#include <array>
#include <utility>

#include "daemon/quic/connection.h"
#include "daemon/quic/path.h"

namespace bp2p::quic {
namespace {

// One call of write() sends at most this many GSO batches before others get their turn.
constexpr int batches_per_write = 8;
constexpr std::size_t vectors_per_write = 16;

}  // namespace

Stream* Connection::next_stream() {
  while (!urgent_.empty()) {
    Stream* stream = urgent_.front();
    if (stream->may_send()) return stream;
    stream->is_listed = false;
    urgent_.pop_front();
  }
  while (!round_.empty()) {
    if (Stream* stream = round_.front()->next_to_send()) return stream;
    round_.front()->is_listed = false;
    round_.pop_front();
  }
  return nullptr;
}

/// One packet: as many streams as fit into it.
ngtcp2_ssize Connection::write_packet(ngtcp2_path* path, ngtcp2_pkt_info* info, std::uint8_t* to, std::size_t room,
                                      ngtcp2_tstamp now) {
  for (;;) {
    Stream* stream = is_connected_ ? next_stream() : nullptr;
    std::array<ByteView, vectors_per_write> spans;
    std::array<ngtcp2_vec, vectors_per_write> vectors;
    std::size_t count = 0, size = 0;
    std::uint32_t flags = 0;
    if (stream != nullptr) {
      count = stream->queue.gather(spans);
      for (std::size_t i = 0; i < count; ++i) {
        // ngtcp2's vector is not const, though it only reads.
        vectors[i] = {const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(spans[i].data())), spans[i].size()};
        size += spans[i].size();
      }
      flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
      if (stream->fin_wanted && size == stream->queue.unsent_bytes()) flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    }
    ngtcp2_ssize taken = -1;
    const ngtcp2_ssize written =
        ngtcp2_conn_writev_stream(conn_, path, info, to, room, &taken, flags, stream != nullptr ? stream->id : -1,
                                  vectors.data(), count, now);
    if (stream != nullptr && taken >= 0) {
      stream->any_sent = true;
      stream->queue.on_sent(static_cast<std::size_t>(taken));
      if ((flags & NGTCP2_WRITE_STREAM_FLAG_FIN) && static_cast<std::size_t>(taken) == size) stream->fin_sent = true;
    }
    if (stream != nullptr && stream->group != nullptr && taken > 0) turn_is_used_ = true;
    if (written >= 0) {
      // Another channel's turn.
      if (written > 0 && std::exchange(turn_is_used_, false) && round_.size() > 1) {
        round_.push_back(round_.front());
        round_.pop_front();
      }
      return written;
    }
    switch (written) {
      case NGTCP2_ERR_WRITE_MORE: continue;
      case NGTCP2_ERR_STREAM_DATA_BLOCKED:
        // By its own window. When the connection's is full ngtcp2 writes nothing (0), and the stream keeps its turn.
        stream->is_blocked = true;
        continue;
      case NGTCP2_ERR_STREAM_SHUT_WR:
      case NGTCP2_ERR_STREAM_NOT_FOUND:
        stream->cannot_write = true;
        continue;
      default: return written;
    }
  }
}

Connection::Written Connection::write(UdpSocket& socket, ngtcp2_tstamp now, std::span<std::byte> scratch) {
  now = not_before(now);
  if (close_at_latest_ && (now >= *close_at_latest_ || !has_tail())) close_at_latest_.reset();
  if (close_pending_ && !close_at_latest_) write_close(socket, now, scratch);
  if (is_done()) return Written::all;
  if (!stuck_.bytes.empty()) {
    if (socket.send(stuck_.to, stuck_.from, stuck_.ecn, stuck_.bytes, stuck_.segment) == SendResult::would_block)
      return Written::blocked;
    stuck_.bytes.clear();
  }
  const auto one_packet = [](ngtcp2_conn*, ngtcp2_path* path, ngtcp2_pkt_info* info, std::uint8_t* to, std::size_t room,
                             ngtcp2_tstamp at, void* user) {
    return static_cast<Connection*>(user)->write_packet(path, info, to, room, at);
  };
  Written result = Written::all;
  for (int batch = 0;; ++batch) {
    if (batch == batches_per_write) {
      result = Written::some;
      break;
    }
    PathStorage path{local_, first_remote_};
    ngtcp2_pkt_info info{};
    std::size_t segment = 0;
    const std::size_t packets = UdpSocket::send_segments_max;
    const ngtcp2_ssize written = ngtcp2_conn_write_aggregate_pkt2(
        conn_, &path.path, &info, reinterpret_cast<std::uint8_t*>(scratch.data()),
        std::min(scratch.size(), UdpSocket::send_bytes_max), &segment, one_packet, packets, now);
    if (written < 0) {
      fail(static_cast<int>(written));
      if (close_pending_) write_close(socket, now, scratch);
      return Written::all;
    }
    if (written == 0) break;
    const ByteView bytes{scratch.data(), static_cast<std::size_t>(written)};
    const Address to = address_of(path.path.remote), from = address_of(path.path.local);
    if (segment == 0) segment = bytes.size();
    // Too big is how a path MTU probe fails, and what fails otherwise is lost as datagrams are. What the kernel has no
    // room for now is kept: QUIC counts it as sent.
    if (socket.send(to, from, info.ecn, bytes, segment) == SendResult::would_block) {
      stuck_ = {to, from, info.ecn, Bytes{bytes.begin(), bytes.end()}, segment};
      result = Written::blocked;
      break;
    }
  }
  ngtcp2_conn_update_pkt_tx_time(conn_, now);
  return result;
}

void Connection::write_close(UdpSocket& socket, ngtcp2_tstamp now, std::span<std::byte> scratch) {
  close_pending_ = false;
  PathStorage path{local_, first_remote_};
  ngtcp2_pkt_info info{};
  const ngtcp2_ssize written =
      ngtcp2_conn_write_connection_close(conn_, &path.path, &info, reinterpret_cast<std::uint8_t*>(scratch.data()),
                                         std::min(scratch.size(), UdpSocket::send_bytes_max), &close_reason_, now);
  if (written > 0)
    socket.send(address_of(path.path.remote), address_of(path.path.local), info.ecn,
                {scratch.data(), static_cast<std::size_t>(written)}, static_cast<std::size_t>(written));
}

}  // namespace bp2p::quic
