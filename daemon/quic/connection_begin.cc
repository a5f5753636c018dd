// How a connection begins: what we tell ngtcp2 and the peer about us.
#include <algorithm>
#include <array>

#include "daemon/quic/connection.h"
#include "daemon/quic/path.h"

namespace bp2p::quic {
namespace {

// Datagram sizes to try: Ethernet, jumbo frames, and what loopback and some clouds take (measured: found within 70
// packets where they fit, harmless where not).
constexpr std::array<std::uint16_t, 4> mtu_probes{1452, 8952, 16384, 65000};
constexpr std::size_t udp_payload_max = 65000;
// Of the link stream and of channels' control streams.
constexpr std::uint64_t control_window = 64 * 1024;

std::uint64_t nanoseconds(Duration duration) { return static_cast<std::uint64_t>(duration.count()); }

}  // namespace

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
  conn_ref_ = {[](ngtcp2_crypto_conn_ref* ref) { return static_cast<Connection*>(ref->user_data)->conn_; }, this};
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
  // RFC 9000 section 10.1: the first packet sent after one was received starts the timer anew, and on a quiet link that is
  // the keep-alive.
  params.max_idle_timeout = nanoseconds(options.idle_timeout - options.keep_alive);
  params.active_connection_id_limit = 4;

  const ngtcp2_callbacks called = callbacks(is_client_);
  PathStorage path{local_, first_remote_};
  const ngtcp2_cid own = random_connection_id(secrets_);
  int result = 0;
  if (accepted == nullptr) {
    const ngtcp2_cid peer = random_connection_id(secrets_);
    result = ngtcp2_conn_client_new(&conn_, &peer, &own, &path.path, NGTCP2_PROTO_VER_V1, &called, &settings, &params,
                                    nullptr, this);
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
    result = ngtcp2_conn_server_new(&conn_, &header.scid, &own, &path.path, header.version, &called, &settings,
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

}  // namespace bp2p::quic
