// One QUIC connection: ngtcp2 with our settings, streams with queues, and who is written next.
//
// Nothing in here is destroyed from within a callback: ends are noted, and the endpoint buries the connection later.
// Each story has a source file of its own:
//   connection_begin.cc      what we tell ngtcp2 and the peer about us
//   connection_callbacks.cc  what ngtcp2 calls while it reads packets
//   connection.cc            streams, packets, time
//   connection_write.cc      what is written, and whose turn it is
//   connection_end.cc        closed by us, by the peer, or by an error; and who hears of it
#pragma once
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/net/udp_socket.h"
#include "daemon/quic/connection_id.h"
#include "daemon/quic/stream.h"
#include "daemon/quic/tails.h"
#include "daemon/quic/tls.h"
#include "proto/base/address.h"
#include "proto/base/ids.h"
#include "proto/base/now.h"
#include "proto/core/core.h"

namespace bp2p::quic {

class Connection;

struct TransportOptions {
  ngtcp2_cc_algo congestion = NGTCP2_CC_ALGO_CUBIC;
  Duration idle_timeout = std::chrono::seconds{30};
  Duration keep_alive = std::chrono::seconds{10};
  Duration admission_budget = std::chrono::seconds{5};  ///< first packet to accepted hello (security.md)
  std::uint16_t max_udp_payload = 0;                    ///< 0: path MTU discovery
  std::uint64_t stream_window = 1u << 20;
  std::uint64_t connection_window = 8u << 20;           ///< not above what the socket's buffer holds
};

/// What a connection needs of the endpoint it belongs to.
class ConnectionHome {
 public:
  virtual ~ConnectionHome() = default;
  virtual void add_id(const ngtcp2_cid& id, Connection& connection) = 0;
  virtual void remove_id(const ngtcp2_cid& id) = 0;
  virtual void make_reset_token(const ngtcp2_cid& id, std::uint8_t* token) = 0;
  virtual void mark_dirty(Connection& connection) = 0;
  virtual ngtcp2_tstamp now() const = 0;
};

/// Who hears of connections: the links of the daemon.
class ConnectionUser {
 public:
  virtual ~ConnectionUser() = default;
  /// TLS has proven the peer's key (RFC 9001 section 4.1.2: confirmed for a client, complete for a server).
  virtual void on_connected(Connection& connection) = 0;
  virtual void on_stream_opened(Connection& connection, Stream& stream) = 0;
  /// All packets of this wake-up have been read: the time to act on what they said.
  virtual void on_packets_read(Connection& connection) = 0;
  /// Not after the user's own close().
  virtual void on_ended(Connection& connection, const LinkEnd& why) = 0;
  /// Instead of on_ended, when it never connected. `text` for a person.
  virtual void on_dial_failed(Connection& connection, DialError why, const std::string& text) = 0;
  /// Its streams have no users any more and it goes: the last call about it.
  virtual void on_buried(Connection& connection) = 0;
};

struct PathStats {
  Duration rtt{}, min_rtt{}, latest_rtt{}, rtt_variance{};
  std::uint64_t congestion_window = 0, bytes_in_flight = 0;
  std::uint64_t packets_sent = 0, packets_lost = 0, packets_received = 0;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::size_t mtu = 0;  ///< UDP payload
};

class Connection {
 public:
  /// A server's: for an Initial that the gate let in.
  struct Accepted {
    ngtcp2_pkt_hd header;
    std::optional<ngtcp2_cid> original_id;  ///< after a Retry
  };

  Connection(LinkId link, ConnectionHome& home, ConnectionUser& user, const Tls& tls, const TransportOptions& options,
             Address local, Address remote, Secrets& secrets, const Accepted* accepted);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// False: OpenSSL or ngtcp2 had no memory; the connection is of no use.
  bool is_made() const { return conn_ != nullptr; }

  LinkId link() const { return link_; }
  bool is_client() const { return is_client_; }
  bool is_connected() const { return is_connected_; }
  bool is_admitted() const { return is_admitted_; }
  /// Ended or closed: of no use any more.
  bool is_over() const { return is_over_; }
  const PublicKey& peer_key() const { return peer_key_; }
  const Exporter& exporter() const { return exporter_; }
  Address remote() const;

  // For the user.
  /// nullptr: no stream credit left. `group` nullptr: urgent.
  Stream* open_bidirectional(StreamUser& user, SendGroup* group);
  Stream* open_unidirectional(StreamUser& user, SendGroup* group);
  /// There is something new in the stream's queue, or its fin_wanted.
  void wants_to_send(Stream& stream);
  /// The user is done with `size` received bytes: the peer may send as many more.
  void credit(const Stream& stream, std::uint64_t size);
  void reset(Stream& stream, std::uint64_t code);
  /// Nobody will look at the stream again; it is reset unless it ended by itself.
  void abandon(Stream& stream, std::uint64_t code);
  /// The group goes: it has no turn any more.
  void forget(SendGroup& group);
  /// The peer may open streams from now on.
  void admit();
  /// CONNECTION_CLOSE with an application code, and no further callbacks. It leaves when the peer has acknowledged what
  /// abandoned streams still had to say, or after tail_budget.
  void close(std::uint64_t code, std::string text);
  PathStats stats() const;

  // For the endpoint.
  /// Over, and nothing is left to be said: to be buried.
  bool is_done() const { return is_over_ && !close_at_latest_; }
  /// It is over: whoever uses it hears so. Not from within a callback.
  void leave_users();
  void on_packet(const Datagram& datagram, ngtcp2_tstamp now);
  void on_packets_read();
  void on_time(ngtcp2_tstamp now);
  ngtcp2_tstamp expiry() const;
  enum class Written : std::uint8_t {
    all,      ///< nothing more until something happens
    some,     ///< call again soon: others get their turn first
    blocked,  ///< call again when the socket is writable
  };
  /// Writes what the congestion window allows, up to a bound.
  Written write(UdpSocket& socket, ngtcp2_tstamp now, std::span<std::byte> scratch);
  /// Streams have something that the congestion window or pacing holds back.
  bool is_waiting_to_send() const { return !urgent_.empty() || !round_.empty(); }
  bool wants_retry() const { return wants_retry_; }

  /// For how long a close may wait for a peer that does not acknowledge; a daemon that stops waits for it, too (I24).
  static constexpr Duration tail_budget = std::chrono::milliseconds{1500};
  static constexpr std::uint64_t streams_bidi_max = 1024;
  static constexpr std::uint64_t streams_uni_max = 16 * 1024;

 private:
  friend struct ConnectionCallbacks;  // in connection_callbacks.cc
  static ngtcp2_callbacks callbacks(bool is_client);
  void begin(const Tls& tls, const TransportOptions& options, const Accepted* accepted);
  void end(LinkEnd why);
  void fail(int error);
  bool has_tail() const;
  void write_close(UdpSocket& socket, ngtcp2_tstamp now, std::span<std::byte> scratch);
  ngtcp2_ssize write_packet(ngtcp2_path* path, ngtcp2_pkt_info* info, std::uint8_t* to, std::size_t room,
                            ngtcp2_tstamp now);
  Stream* next_stream();
  ngtcp2_tstamp not_before(ngtcp2_tstamp now);
  Stream& add_stream(std::int64_t id, StreamUser* user, SendGroup* group);
  Stream* open(bool bidirectional, StreamUser& user, SendGroup* group);

  LinkId link_;
  ConnectionHome& home_;
  ConnectionUser& user_;
  Secrets& secrets_;
  bool is_client_;
  Address local_, first_remote_;
  SslPtr ssl_;
  ngtcp2_crypto_ossl_ctx* ossl_ = nullptr;
  ngtcp2_crypto_conn_ref conn_ref_{};
  ngtcp2_conn* conn_ = nullptr;
  std::vector<ngtcp2_cid> ids_;
  PublicKey peer_key_;
  Exporter exporter_;
  ngtcp2_tstamp admission_deadline_ = 0;
  ngtcp2_tstamp latest_ = 0;  // the last instant that ngtcp2 was told
  /// A batch that the kernel's buffer had no room for.
  struct Stuck {
    Address to, from;
    std::uint8_t ecn = 0;
    Bytes bytes;
    std::size_t segment = 0;
  };
  Stuck stuck_;
  ngtcp2_ccerr close_reason_{};
  std::string close_text_;
  std::unordered_map<std::int64_t, std::unique_ptr<Stream>> streams_;
  std::deque<Stream*> urgent_;
  std::deque<SendGroup*> round_;
  Tails tails_;
  bool turn_is_used_ = false;    // the packet that is being written has something of round_'s first
  bool connected_now_ = false;   // tell the user once the packets are read
  bool is_connected_ = false, is_admitted_ = false, is_over_ = false;
  bool close_pending_ = false, was_reset_ = false, wants_retry_ = false;
  std::optional<ngtcp2_tstamp> close_at_latest_;  // closed, and waits for has_tail() to become false
  bool has_left_users_ = false;
  bool broken_ = false;          // a callback found what cannot be (no peer key)
};

}  // namespace bp2p::quic
