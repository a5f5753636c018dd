#include "daemon/quic/connection.h"

#include <algorithm>

#include "daemon/quic/path.h"

namespace bp2p::quic {

Address Connection::remote() const {
  return conn_ ? address_of(ngtcp2_conn_get_path(conn_)->remote) : first_remote_;
}

Stream& Connection::add_stream(std::int64_t id, StreamUser* user, SendGroup* group) {
  auto& stream = streams_[id];
  stream = std::make_unique<Stream>();
  stream->id = id;
  stream->user = user;
  stream->group = group;
  return *stream;
}

Stream* Connection::open(bool bidirectional, StreamUser& user, SendGroup* group) {
  if (is_over_) return nullptr;
  std::int64_t id = -1;
  const int result = bidirectional ? ngtcp2_conn_open_bidi_stream(conn_, &id, nullptr)
                                   : ngtcp2_conn_open_uni_stream(conn_, &id, nullptr);
  if (result != 0) return nullptr;
  Stream& stream = add_stream(id, &user, group);
  ngtcp2_conn_set_stream_user_data(conn_, id, &stream);
  return &stream;
}
Stream* Connection::open_bidirectional(StreamUser& user, SendGroup* group) { return open(true, user, group); }
Stream* Connection::open_unidirectional(StreamUser& user, SendGroup* group) { return open(false, user, group); }

void Connection::wants_to_send(Stream& stream) {
  if (is_done() || !stream.may_send()) return;
  if (stream.group == nullptr) {
    if (!stream.is_listed) {
      stream.is_listed = true;
      urgent_.push_back(&stream);
    }
  } else if (!stream.group->is_listed) {
    stream.group->is_listed = true;
    round_.push_back(stream.group);
  }
  home_.mark_dirty(*this);
}

void Connection::credit(const Stream& stream, std::uint64_t size) {
  if (is_over_ || size == 0) return;
  ngtcp2_conn_extend_max_stream_offset(conn_, stream.id, size);
  home_.mark_dirty(*this);
}

void Connection::reset(Stream& stream, std::uint64_t code) {
  stream.cannot_write = true;
  if (is_over_) return;
  // ngtcp2 (1.22 to 1.25) takes a unidirectional stream whose first frame is a RESET_STREAM for one that it may write on.
  // If it has to look at that stream again it says STREAM_DATA_BLOCKED of it, for which the peer ends the connection.
  if (stream.is_reset) {
    ngtcp2_conn_shutdown_stream_write(conn_, 0, stream.id, code);
  } else {
    ngtcp2_conn_shutdown_stream(conn_, 0, stream.id, code);
  }
  home_.mark_dirty(*this);
}

void Connection::abandon(Stream& stream, std::uint64_t code) {
  stream.user = nullptr;
  // A channel's control stream stays urgent: it has a few bytes. Its lanes may have megabytes.
  if (stream.group != nullptr) {
    forget(*stream.group);
    stream.group = &tails_;
    tails_.add(stream);
  }
  stream.is_tail = stream.fin_wanted && !stream.cannot_write;
  const bool is_ours = !ngtcp2_is_bidi_stream(stream.id) && ngtcp2_conn_is_local_stream(conn_, stream.id);
  if (is_ours && !stream.any_sent && !stream.fin_wanted && !stream.cannot_write && !is_over_) {
    // The peer does not know of it. It ends empty: as its first frame a reset would leave a stream at the peer that never
    // closes (see reset()).
    stream.queue.clear();
    stream.fin_wanted = true;
  }
  if (stream.fin_sent || (stream.fin_wanted && !stream.cannot_write)) {
    // It ends by itself; what the peer still sends on it goes nowhere.
    if (!is_done()) ngtcp2_conn_shutdown_stream_read(conn_, 0, stream.id, code);
    wants_to_send(stream);
  } else {
    reset(stream, code);
  }
}

void Connection::forget(SendGroup& group) {
  if (!group.is_listed) return;
  std::erase(round_, &group);
  group.is_listed = false;
}

void Connection::admit() {
  if (is_admitted_ || is_over_) return;
  is_admitted_ = true;
  ngtcp2_conn_extend_max_streams_bidi(conn_, streams_bidi_max);
  ngtcp2_conn_extend_max_streams_uni(conn_, streams_uni_max);
  home_.mark_dirty(*this);
}

void Connection::on_packet(const Datagram& datagram, ngtcp2_tstamp now) {
  if (is_done()) return;
  if (is_over_) leave_users();
  PathStorage path{datagram.to, datagram.from};
  ngtcp2_pkt_info info{};
  info.ecn = datagram.ecn;
  now = not_before(now);
  const int result = ngtcp2_conn_read_pkt(conn_, &path.path, &info,
                                          reinterpret_cast<const std::uint8_t*>(datagram.bytes.data()),
                                          datagram.bytes.size(), now);
  home_.mark_dirty(*this);
  if (result != 0) fail(result);
}

void Connection::on_packets_read() {
  if (connected_now_ && !is_over_) {
    connected_now_ = false;
    is_connected_ = true;
    user_.on_connected(*this);
  }
  if (is_connected_ && !has_left_users_) user_.on_packets_read(*this);
}

/// ngtcp2 aborts the process when time goes backwards, and a packet may have been read just before the connection that it
/// begins was made.
ngtcp2_tstamp Connection::not_before(ngtcp2_tstamp now) {
  latest_ = std::max(latest_, now);
  return latest_;
}

void Connection::on_time(ngtcp2_tstamp now) {
  if (is_done()) return;
  now = not_before(now);
  if (is_over_) leave_users();
  if (close_at_latest_ && now >= *close_at_latest_) return home_.mark_dirty(*this);
  if (!is_over_ && !is_admitted_ && now >= admission_deadline_) {
    if (is_connected_) {
      close(static_cast<std::uint64_t>(LinkCode::hello_timeout), "no accepted HELLO in time");
      user_.on_ended(*this, {LinkEnd::How::lost, static_cast<std::uint64_t>(LinkCode::hello_timeout), "no accepted HELLO in time"});
    } else {
      end({LinkEnd::How::lost, 0, "no answer"});
    }
    return;
  }
  if (now < ngtcp2_conn_get_expiry(conn_)) return;
  home_.mark_dirty(*this);
  if (const int result = ngtcp2_conn_handle_expiry(conn_, now); result != 0) fail(result);
}

ngtcp2_tstamp Connection::expiry() const {
  if (is_done()) return UINT64_MAX;
  const ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry(conn_);
  if (close_at_latest_) return std::min(expiry, *close_at_latest_);
  return is_admitted_ ? expiry : std::min(expiry, admission_deadline_);
}

PathStats Connection::stats() const {
  ngtcp2_conn_info info{};
  ngtcp2_conn_get_conn_info(conn_, &info);
  const auto duration = [](ngtcp2_duration d) { return Duration{d == UINT64_MAX ? 0 : static_cast<std::int64_t>(d)}; };
  return {.rtt = duration(info.smoothed_rtt),
          .min_rtt = duration(info.min_rtt),
          .latest_rtt = duration(info.latest_rtt),
          .rtt_variance = duration(info.rttvar),
          .congestion_window = info.cwnd,
          .bytes_in_flight = info.bytes_in_flight,
          .packets_sent = info.pkt_sent,
          .packets_lost = info.pkt_lost,
          .packets_received = info.pkt_recv,
          .bytes_sent = info.bytes_sent,
          .bytes_received = info.bytes_recv,
          .mtu = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn_)};
}

}  // namespace bp2p::quic
