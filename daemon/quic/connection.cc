#include "daemon/quic/connection.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "daemon/entropy.h"
#include "daemon/net/sockaddr.h"
#include "proto/base/check.h"
#include "proto/base/rng.h"

namespace bp2p::quic {
namespace {

// Length of the connection ids we make: long enough that nobody guesses one.
constexpr std::size_t id_size = 18;
// Datagram sizes to try: Ethernet, jumbo frames, and what loopback and some clouds take (measured: found within 70
// packets where they fit, harmless where not).
constexpr std::array<std::uint16_t, 4> mtu_probes{1452, 8952, 16384, 65000};
constexpr std::size_t udp_payload_max = 65000;
// One call of write() sends at most this many GSO batches before others get their turn.
constexpr int batches_per_write = 8;
constexpr std::size_t vectors_per_write = 16;
// Of the link stream and of channels' control streams.
constexpr std::uint64_t control_window = 64 * 1024;

std::uint64_t nanoseconds(Duration duration) { return static_cast<std::uint64_t>(duration.count()); }

struct PathStorage {
  sockaddr_in6 local{}, remote{};
  ngtcp2_path path{};
  PathStorage(const Address& from, const Address& to) : local(to_sockaddr6(from)), remote(to_sockaddr6(to)) {
    path.local = {reinterpret_cast<ngtcp2_sockaddr*>(&local), sizeof local};
    path.remote = {reinterpret_cast<ngtcp2_sockaddr*>(&remote), sizeof remote};
  }
  PathStorage(const PathStorage&) = delete;
  PathStorage& operator=(const PathStorage&) = delete;
};

Address address_of(const ngtcp2_addr& address) {
  return from_sockaddr(reinterpret_cast<const sockaddr*>(address.addr)).value_or(Address{});
}

ngtcp2_cid random_id(Secrets& secrets) {
  ngtcp2_cid id{};
  id.datalen = id_size;
  secrets.fill(std::as_writable_bytes(std::span{id.data, id_size}));
  return id;
}

}  // namespace

std::size_t ConnectionIdHash::operator()(const ngtcp2_cid& id) const {
  // Strangers choose the first id of a connection: without a seed they could choose ids that collide.
  static const std::uint64_t seed = random_seed();
  std::uint64_t first = 0, second = 0;
  std::memcpy(&first, id.data, std::min<std::size_t>(id.datalen, 8));
  if (id.datalen > 8) std::memcpy(&second, id.data + 8, std::min<std::size_t>(id.datalen - 8, 8));
  return Rng{first ^ Rng{second ^ seed}.next()}.next();
}

/// What ngtcp2 calls. Each returns 0, or NGTCP2_ERR_CALLBACK_FAILURE to end the connection.
struct ConnectionCallbacks {
  static Connection& self(void* user) { return *static_cast<Connection*>(user); }

  static ngtcp2_conn* conn_of_ref(ngtcp2_crypto_conn_ref* ref) { return self(ref->user_data).conn_; }

  /// The client is not done at handshake_completed: the server has not judged its certificate yet.
  static int proven(Connection& c) {
    const auto key = peer_key(c.ssl_.get());
    const auto exporter = hello_exporter(c.ssl_.get());
    if (!key || !exporter || !speaks_our_alpn(c.ssl_.get())) {
      c.broken_ = true;
      return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    c.peer_key_ = *key;
    c.exporter_ = *exporter;
    c.connected_now_ = true;
    return 0;
  }
  static int handshake_completed(ngtcp2_conn*, void* user) { return self(user).is_client_ ? 0 : proven(self(user)); }
  static int handshake_confirmed(ngtcp2_conn*, void* user) { return self(user).is_client_ ? proven(self(user)) : 0; }

  static int stream_open(ngtcp2_conn* conn, std::int64_t id, void* user) {
    Connection& c = self(user);
    Stream& stream = c.add_stream(id, nullptr, nullptr);
    ngtcp2_conn_set_stream_user_data(conn, id, &stream);
    if (!c.is_over_) c.user_.on_stream_opened(c, stream);
    return 0;
  }

  static int recv_stream_data(ngtcp2_conn* conn, std::uint32_t flags, std::int64_t, std::uint64_t,
                              const std::uint8_t* data, std::size_t size, void*, void* stream_user) {
    // The connection's window bounds only what is in flight: the streams' windows hold back a slow reader, so that one
    // stuck channel cannot stop another (I7).
    ngtcp2_conn_extend_max_offset(conn, size);
    auto* stream = static_cast<Stream*>(stream_user);
    if (stream == nullptr || stream->user == nullptr) return 0;
    stream->user->on_bytes(*stream, {reinterpret_cast<const std::byte*>(data), size},
                           (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
    return 0;
  }

  static int acked_stream_data_offset(ngtcp2_conn*, std::int64_t, std::uint64_t offset, std::uint64_t size, void*,
                                      void* stream_user) {
    auto* stream = static_cast<Stream*>(stream_user);
    if (stream != nullptr && stream->queue.on_acknowledged(offset + size) && stream->user != nullptr)
      stream->user->on_acknowledged(*stream);
    return 0;
  }

  static int stream_close(ngtcp2_conn* conn, std::uint32_t, std::int64_t id, std::uint64_t, void* user,
                          void* stream_user) {
    Connection& c = self(user);
    if (!ngtcp2_conn_is_local_stream(conn, id)) {
      // The peer may open another in its place.
      if (ngtcp2_is_bidi_stream(id)) {
        ngtcp2_conn_extend_max_streams_bidi(conn, 1);
      } else {
        ngtcp2_conn_extend_max_streams_uni(conn, 1);
      }
    }
    if (auto* stream = static_cast<Stream*>(stream_user)) {
      if (stream->user != nullptr) stream->user->on_gone(*stream);
      if (stream->is_listed) std::erase(c.urgent_, stream);
      c.streams_.erase(id);
    }
    return 0;
  }

  static int stream_reset(ngtcp2_conn*, std::int64_t, std::uint64_t, std::uint64_t code, void*, void* stream_user) {
    auto* stream = static_cast<Stream*>(stream_user);
    if (stream != nullptr && stream->user != nullptr) stream->user->on_reset(*stream, code);
    return 0;
  }

  static int extend_max_stream_data(ngtcp2_conn*, std::int64_t, std::uint64_t, void* user, void* stream_user) {
    if (auto* stream = static_cast<Stream*>(stream_user)) {
      stream->is_blocked = false;
      self(user).wants_to_send(*stream);
    }
    return 0;
  }

  static int recv_stateless_reset(ngtcp2_conn*, const ngtcp2_pkt_stateless_reset2*, void* user) {
    self(user).was_reset_ = true;
    return 0;
  }

  static void rand(std::uint8_t* to, std::size_t size, const ngtcp2_rand_ctx* ctx) {
    static_cast<Secrets*>(ctx->native_handle)->fill(std::as_writable_bytes(std::span{to, size}));
  }

  static int get_new_connection_id(ngtcp2_conn*, ngtcp2_cid* id, ngtcp2_stateless_reset_token* token, std::size_t size,
                                   void* user) {
    Connection& c = self(user);
    id->datalen = size;
    c.secrets_.fill(std::as_writable_bytes(std::span{id->data, size}));
    c.home_.make_reset_token(*id, token->data);
    c.home_.add_id(*id, c);
    c.ids_.push_back(*id);
    return 0;
  }

  static int remove_connection_id(ngtcp2_conn*, const ngtcp2_cid* id, void* user) {
    Connection& c = self(user);
    c.home_.remove_id(*id);
    std::erase_if(c.ids_, [&](const ngtcp2_cid& one) { return ngtcp2_cid_eq(&one, id) != 0; });
    return 0;
  }

  static ngtcp2_callbacks table(bool is_client) {
    ngtcp2_callbacks t{};
    if (is_client) {
      t.client_initial = ngtcp2_crypto_client_initial_cb;
      t.recv_retry = ngtcp2_crypto_recv_retry_cb;
    } else {
      t.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    }
    t.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
    t.encrypt = ngtcp2_crypto_encrypt_cb;
    t.decrypt = ngtcp2_crypto_decrypt_cb;
    t.hp_mask = ngtcp2_crypto_hp_mask_cb;
    t.update_key = ngtcp2_crypto_update_key_cb;
    t.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    t.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    t.get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb;
    t.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    t.handshake_completed = handshake_completed;
    t.handshake_confirmed = handshake_confirmed;
    t.stream_open = stream_open;
    t.stream_close = stream_close;
    t.stream_reset = stream_reset;
    t.recv_stream_data = recv_stream_data;
    t.acked_stream_data_offset = acked_stream_data_offset;
    t.extend_max_stream_data = extend_max_stream_data;
    t.recv_stateless_reset2 = recv_stateless_reset;
    t.rand = rand;
    t.get_new_connection_id2 = get_new_connection_id;
    t.remove_connection_id = remove_connection_id;
    return t;
  }

  static ngtcp2_ssize write_pkt(ngtcp2_conn*, ngtcp2_path* path, ngtcp2_pkt_info* info, std::uint8_t* to,
                                std::size_t room, ngtcp2_tstamp now, void* user) {
    return self(user).write_packet(path, info, to, room, now);
  }
};

Connection::Connection(LinkId link, ConnectionHome& home, ConnectionUser& user, const Tls& tls,
                       const TransportOptions& options, Address local, Address remote, Secrets& secrets,
                       const Accepted* accepted)
    : link_(link),
      home_(home),
      user_(user),
      secrets_(secrets),
      is_client_(accepted == nullptr),
      local_(local),
      first_remote_(remote) {
  conn_ref_ = {ConnectionCallbacks::conn_of_ref, this};
  begin(tls, options, accepted);
}

void Connection::begin(const Tls& tls, const TransportOptions& options, const Accepted* accepted) {
  ssl_ = is_client_ ? tls.new_client_session() : tls.new_server_session();
  if (!ssl_ || ngtcp2_crypto_ossl_ctx_new(&ossl_, ssl_.get()) != 0) return;
  SSL_set_app_data(ssl_.get(), &conn_ref_);

  const ngtcp2_tstamp now = latest_ = home_.now();
  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  settings.initial_ts = now;
  settings.cc_algo = options.congestion;
  settings.handshake_timeout = nanoseconds(options.admission_budget);
  settings.rand_ctx.native_handle = &secrets_;
  settings.max_window = options.connection_window;
  settings.max_stream_window = options.stream_window;
  if (options.max_udp_payload != 0) {
    settings.max_tx_udp_payload_size = options.max_udp_payload;
    settings.no_pmtud = 1;
    settings.no_tx_udp_payload_size_shaping = 1;
  } else {
    settings.max_tx_udp_payload_size = udp_payload_max;
    settings.pmtud_probes = mtu_probes.data();
    settings.pmtud_probeslen = mtu_probes.size();
  }

  ngtcp2_transport_params params;
  ngtcp2_transport_params_default(&params);
  params.initial_max_data = options.connection_window;
  // What is read at once needs no more, and a stranger that only got through TLS can leave no more with us (I3).
  params.initial_max_stream_data_bidi_local = control_window;
  params.initial_max_stream_data_bidi_remote = control_window;
  params.initial_max_stream_data_uni = options.stream_window;
  // Until a peer is admitted it may open the link stream, and nothing else (docs/wire.md 2.1).
  params.initial_max_streams_bidi = is_client_ ? 0 : 1;
  params.initial_max_streams_uni = 0;
  params.max_idle_timeout = nanoseconds(options.idle_timeout);
  params.active_connection_id_limit = 4;

  const ngtcp2_callbacks callbacks = ConnectionCallbacks::table(is_client_);
  PathStorage path{local_, first_remote_};
  const ngtcp2_cid own = random_id(secrets_);
  int result = 0;
  if (accepted == nullptr) {
    const ngtcp2_cid peer = random_id(secrets_);
    result = ngtcp2_conn_client_new(&conn_, &peer, &own, &path.path, NGTCP2_PROTO_VER_V1, &callbacks, &settings,
                                    &params, nullptr, this);
  } else {
    const ngtcp2_pkt_hd& header = accepted->header;
    params.original_dcid_present = 1;
    params.original_dcid = accepted->original_id.value_or(header.dcid);
    if (accepted->original_id) {
      params.retry_scid_present = 1;
      params.retry_scid = header.dcid;
      settings.token = header.token;
      settings.tokenlen = header.tokenlen;
      settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    params.stateless_reset_token_present = 1;
    home_.make_reset_token(own, params.stateless_reset_token);
    result = ngtcp2_conn_server_new(&conn_, &header.scid, &own, &path.path, header.version, &callbacks, &settings,
                                    &params, nullptr, this);
  }
  if (result != 0) {
    conn_ = nullptr;
    return;
  }
  ngtcp2_conn_set_tls_native_handle(conn_, ossl_);
  ngtcp2_conn_set_keep_alive_timeout(conn_, nanoseconds(options.keep_alive));
  admission_deadline_ = now + nanoseconds(options.admission_budget);
  ids_.push_back(own);
  if (accepted != nullptr) ids_.push_back(accepted->header.dcid);
  for (const ngtcp2_cid& id : ids_) home_.add_id(id, *this);
}

Connection::~Connection() {
  is_over_ = true;  // whoever hears of its end asks nothing of it any more
  leave_users();
  for (const ngtcp2_cid& id : ids_) home_.remove_id(id);
  // The order that ngtcp2's OpenSSL glue wants: the SSL must not find us any more while it goes.
  if (ssl_) SSL_set_app_data(ssl_.get(), nullptr);
  ssl_.reset();
  ngtcp2_conn_del(conn_);
  ngtcp2_crypto_ossl_ctx_del(ossl_);
}

void Connection::leave_users() {
  if (std::exchange(has_left_users_, true)) return;
  for (auto& [id, stream] : streams_) {
    if (stream->user == nullptr) continue;
    stream->user->on_gone(*stream);
    stream->user = nullptr;
    stream->group = nullptr;
    stream->cannot_write = true;
  }
  for (SendGroup* group : round_) group->is_listed = false;
  round_.clear();
  user_.on_buried(*this);
}

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
  ngtcp2_conn_shutdown_stream(conn_, 0, stream.id, code);
  home_.mark_dirty(*this);
}

void Connection::abandon(Stream& stream, std::uint64_t code) {
  stream.user = nullptr;
  if (stream.group != nullptr) forget(*stream.group);
  stream.group = nullptr;
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

void Connection::close(std::uint64_t code, std::string text) {
  if (is_over_) return;
  close_text_ = text.substr(0, 512);  // it has to fit into one small datagram
  ngtcp2_ccerr_set_application_error(&close_reason_, code, reinterpret_cast<const std::uint8_t*>(close_text_.data()),
                                     close_text_.size());
  close_pending_ = true;
  is_over_ = true;
  if (is_connected_) close_at_latest_ = not_before(home_.now()) + nanoseconds(tail_budget);
  home_.mark_dirty(*this);
}

/// A channel that ended in good order left streams with bytes and an end that the peer does not have yet (I5).
bool Connection::has_tail() const {
  return std::ranges::any_of(streams_, [](const auto& each) {
    const Stream& stream = *each.second;
    return stream.user == nullptr && stream.fin_wanted && !stream.cannot_write;
  });
}

/// Ends the connection from within: the user hears of it, unless it ended it itself.
void Connection::end(LinkEnd why) {
  if (is_over_) return;
  is_over_ = true;
  home_.mark_dirty(*this);  // to be buried
  if (is_connected_) {
    user_.on_ended(*this, why);
  } else {
    DialError error = DialError::no_answer;
    if (why.how == LinkEnd::How::closed_by_peer) error = DialError::refused;
    if (broken_ || (why.how == LinkEnd::How::lost && why.code != 0)) error = DialError::bad_certificate;
    user_.on_dial_failed(*this, error, why.text);
  }
}

void Connection::fail(int error) {
  close_at_latest_.reset();  // whatever was left to say, nobody hears it
  close_pending_ = false;
  switch (error) {
    case NGTCP2_ERR_DRAINING: {
      const ngtcp2_ccerr* said = ngtcp2_conn_get_ccerr(conn_);
      if (was_reset_) return end({LinkEnd::How::reset, 0, "the peer's daemon restarted and does not know this link"});
      std::string text{reinterpret_cast<const char*>(said->reason), said->reasonlen};
      if (said->type != NGTCP2_CCERR_TYPE_APPLICATION) {
        text = "QUIC error " + std::to_string(said->error_code) + (text.empty() ? "" : ": " + text);
        return end({LinkEnd::How::closed_by_peer, 0, std::move(text)});
      }
      return end({LinkEnd::How::closed_by_peer, said->error_code, std::move(text)});
    }
    case NGTCP2_ERR_IDLE_CLOSE: return end({LinkEnd::How::idle, 0, "nothing heard within the idle time-out"});
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT: return end({LinkEnd::How::lost, 0, "no answer"});
    case NGTCP2_ERR_DROP_CONN: return end({LinkEnd::How::lost, 0, "dropped"});
    case NGTCP2_ERR_RETRY: wants_retry_ = true; return end({LinkEnd::How::lost, 0, "retry"});
    default: break;
  }
  ngtcp2_ccerr_default(&close_reason_);
  std::uint64_t code = 0;
  if (error == NGTCP2_ERR_CRYPTO) {
    code = ngtcp2_conn_get_tls_alert(conn_);
    ngtcp2_ccerr_set_tls_alert(&close_reason_, static_cast<std::uint8_t>(code), nullptr, 0);
  } else {
    ngtcp2_ccerr_set_liberr(&close_reason_, error, nullptr, 0);
  }
  close_pending_ = true;
  end({LinkEnd::How::lost, code, std::string{"QUIC: "} + ngtcp2_strerror(error) + (code != 0 ? ", TLS alert " + std::to_string(code) : "")});
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
      stream->queue.on_sent(static_cast<std::size_t>(taken));
      if ((flags & NGTCP2_WRITE_STREAM_FLAG_FIN) && static_cast<std::size_t>(taken) == size) stream->fin_sent = true;
    }
    if (written >= 0) {
      // Another channel's turn.
      if (written > 0 && round_.size() > 1) {
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
        std::min(scratch.size(), UdpSocket::send_bytes_max), &segment, ConnectionCallbacks::write_pkt, packets, now);
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
