// The network door: a server behind its gate, and a client that talks to it over real sockets on loopback through a line
// that the input bends. Each datagram takes a byte: pass, drop, twice, a bit turned, cut short, or replaced by a piece
// of the input. Nothing may crash, and nobody may be let in whose TLS was broken.
// Links: daemon_quic daemon_files
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "daemon/clock.h"
#include "daemon/crypto.h"
#include "daemon/entropy.h"
#include "daemon/quic/connection.h"
#include "daemon/quic/gate.h"

using namespace bp2p;
using namespace bp2p::quic;

namespace {

Address loopback() { return *Address::parse("127.0.0.1:0"); }

struct Nobody final : StreamUser {
  void on_bytes(Stream&, ByteView, bool) override {}
  void on_acknowledged(Stream&) override {}
  void on_reset(Stream&, std::uint64_t) override {}
  void on_gone(Stream&) override {}
};

/// One end: what an endpoint does, without its event loop.
struct End final : ConnectionHome, ConnectionUser {
  End(Secrets& s, const PublicKey& expected_peer) : gate({}, ResetKey{}, s), expected(expected_peer) {}
  UdpSocket socket{loopback(), {.receive_buffer = 1 << 20, .send_buffer = 1 << 20, .gso = false, .gro = false}};
  Gate gate;
  PublicKey expected;
  Nobody nobody;
  std::unordered_map<ngtcp2_cid, Connection*, ConnectionIdHash, ConnectionIdEqual> ids;
  ngtcp2_tstamp clock = 1'000'000'000;
  bool connected = false;

  void add_id(const ngtcp2_cid& id, Connection& connection) override { ids[id] = &connection; }
  void remove_id(const ngtcp2_cid& id) override { ids.erase(id); }
  void make_reset_token(const ngtcp2_cid& id, std::uint8_t* token) override { gate.make_reset_token(id, token); }
  void mark_dirty(Connection&) override {}
  ngtcp2_tstamp now() const override { return clock; }

  void on_connected(Connection& connection) override {
    if (connection.peer_key() != expected) std::abort();
    connected = true;
    connection.admit();
    if (connection.is_client()) {
      if (Stream* stream = connection.open_bidirectional(nobody, nullptr)) {
        stream->queue.append_copy(as_bytes("hello"), 0);
        connection.wants_to_send(*stream);
      }
    }
  }
  void on_stream_opened(Connection&, Stream& stream) override { stream.user = &nobody; }
  void on_packets_read(Connection&) override {}
  void on_ended(Connection&, const LinkEnd&) override {}
  void on_dial_failed(Connection&, DialError, const std::string&) override {}
  void on_buried(Connection&) override {}
};

struct World {
  SystemSecrets secrets;
  KeyPair client_keys = KeyPair::generate(), server_keys = KeyPair::generate();
  Tls client_tls{client_keys.seed()}, server_tls{server_keys.seed()};
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const std::byte*>(data), size) {}
  std::uint8_t next() {
    if (rest_.empty()) return 0;  // when it is used up, everything passes
    const auto byte = std::to_integer<std::uint8_t>(rest_[0]);
    rest_ = rest_.subspan(1);
    return byte;
  }
  Bytes take(std::size_t size) {
    const ByteView piece = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return {piece.begin(), piece.end()};
  }

 private:
  ByteView rest_;
};

void deliver(Input& input, const Datagram& datagram, const auto& to) {
  Bytes bytes{datagram.bytes.begin(), datagram.bytes.end()};
  int times = 1;
  switch (const std::uint8_t what = input.next(); what % 8) {
    case 1: times = 0; break;
    case 2: times = 2; break;
    case 3: bytes[(what * 37u + input.next() * 5u) % bytes.size()] ^= std::byte{1} << (what >> 5); break;
    case 4: bytes.resize(1 + input.next() * bytes.size() / 256); break;
    case 5: bytes = input.take(1 + input.next()); break;
    case 6: bytes.resize(1200); break;
    default: break;
  }
  if (bytes.empty()) return;
  for (int i = 0; i < times; ++i) to({datagram.from, datagram.to, datagram.ecn, bytes});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  Input input{data, size};
  End client_end{world.secrets, world.server_keys.public_key()}, server_end{world.secrets, world.client_keys.public_key()};
  const TransportOptions options{.max_udp_payload = 1350};
  std::array<std::byte, 65'536> scratch;
  Connection client{LinkId{1}, client_end, client_end, world.client_tls, options, client_end.socket.local(),
                    server_end.socket.local(), world.secrets, nullptr};
  std::unique_ptr<Connection> server;
  const bool use_retry = (input.next() & 1) != 0;

  for (int round = 0; round < 12; ++round) {
    client_end.clock = server_end.clock += 30'000'000;
    client.on_time(client_end.clock);
    client.write(client_end.socket, client_end.clock, scratch);
    server_end.socket.receive([&](const Datagram& arrived) {
      deliver(input, arrived, [&](const Datagram& datagram) {
        ngtcp2_version_cid invariant{};
        const int decoded = ngtcp2_pkt_decode_version_cid(
            &invariant, reinterpret_cast<const std::uint8_t*>(datagram.bytes.data()), datagram.bytes.size(), 18);
        if (decoded != 0 && decoded != NGTCP2_ERR_VERSION_NEGOTIATION) return;
        ngtcp2_cid id{};
        if (decoded == 0 && invariant.dcidlen <= NGTCP2_MAX_CIDLEN) ngtcp2_cid_init(&id, invariant.dcid, invariant.dcidlen);
        if (server && server_end.ids.contains(id)) return server->on_packet(datagram, server_end.clock);
        const Gate::Decision decision = server_end.gate.decide(datagram, invariant, decoded != 0, use_retry ? 500 : 0, 0,
                                                               server_end.clock, scratch);
        if (decision.answer == Gate::Answer::reply) {
          if (decision.reply_size > 3 * datagram.bytes.size()) std::abort();  // RFC 9000 section 8
          server_end.socket.send(datagram.from, datagram.to, 0, ByteView{scratch}.first(decision.reply_size), decision.reply_size);
        }
        if (decision.answer != Gate::Answer::accept || server) return;
        const Connection::Accepted accepted{decision.header, decision.original_id};
        server = std::make_unique<Connection>(LinkId{2}, server_end, server_end, world.server_tls, options, datagram.to,
                                              datagram.from, world.secrets, &accepted);
        if (server->is_made()) server->on_packet(datagram, server_end.clock);
      });
    });
    if (server && server->is_made()) {
      server->on_packets_read();
      server->on_time(server_end.clock);
      server->write(server_end.socket, server_end.clock, scratch);
    }
    client_end.socket.receive([&](const Datagram& arrived) {
      deliver(input, arrived, [&](const Datagram& datagram) { client.on_packet(datagram, client_end.clock); });
    });
    client.on_packets_read();
  }
  if (size == 0 && !(client_end.connected && server_end.connected)) std::abort();  // an undisturbed line works
  return 0;
}
