// What ngtcp2 calls while it reads packets.
#include <algorithm>

#include "daemon/quic/connection.h"

namespace bp2p::quic {

/// Each returns 0, or NGTCP2_ERR_CALLBACK_FAILURE to end the connection.
struct ConnectionCallbacks {
  static Connection& self(void* user) { return *static_cast<Connection*>(user); }

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
    if (c.is_over_) {
      ngtcp2_conn_shutdown_stream_read(conn, 0, id, 0);  // nobody is here for it
    } else {
      c.user_.on_stream_opened(c, stream);
    }
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
      c.tails_.remove(*stream);
      c.streams_.erase(id);
    }
    return 0;
  }

  static int stream_reset(ngtcp2_conn*, std::int64_t, std::uint64_t, std::uint64_t code, void*, void* stream_user) {
    auto* stream = static_cast<Stream*>(stream_user);
    if (stream == nullptr) return 0;
    stream->is_reset = true;
    if (stream->user != nullptr) stream->user->on_reset(*stream, code);
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
};

ngtcp2_callbacks Connection::callbacks(bool is_client) {
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
  t.handshake_completed = ConnectionCallbacks::handshake_completed;
  t.handshake_confirmed = ConnectionCallbacks::handshake_confirmed;
  t.stream_open = ConnectionCallbacks::stream_open;
  t.stream_close = ConnectionCallbacks::stream_close;
  t.stream_reset = ConnectionCallbacks::stream_reset;
  t.recv_stream_data = ConnectionCallbacks::recv_stream_data;
  t.acked_stream_data_offset = ConnectionCallbacks::acked_stream_data_offset;
  t.extend_max_stream_data = ConnectionCallbacks::extend_max_stream_data;
  t.recv_stateless_reset2 = ConnectionCallbacks::recv_stateless_reset;
  t.rand = ConnectionCallbacks::rand;
  t.get_new_connection_id2 = ConnectionCallbacks::get_new_connection_id;
  t.remove_connection_id = ConnectionCallbacks::remove_connection_id;
  return t;
}

}  // namespace bp2p::quic
