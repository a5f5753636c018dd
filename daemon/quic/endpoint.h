// All QUIC connections of the daemon over its UDP sockets: reads datagrams, finds their connections, lets the gate
// judge strangers, writes what the connections have to say, and runs their timers.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "daemon/quic/connection.h"
#include "daemon/quic/gate.h"

namespace bp2p::quic {

class Endpoint final : public ConnectionHome {
 public:
  struct Options {
    std::vector<Address> listen;
    UdpSocket::Options socket;
    TransportOptions transport;
    GateOptions gate;
  };

  /// Throws std::system_error when an address cannot be listened on.
  Endpoint(boost::asio::io_context& io, const Options& options, const Tls& tls, const ResetKey& key, Secrets& secrets,
           ConnectionUser& user);
  ~Endpoint() override;

  void start();

  /// A new connection as client; on_connected or on_dial_failed follows. nullptr: there is no route.
  Connection* dial(const Address& to);
  Connection* find(LinkId link);
  /// Writes everything now.
  void flush_now() { flush(now()); }
  /// For a clean stop: `then` runs once every connection that was closed has said what it had to, at once if there is
  /// none, and within Connection::tail_budget in any case.
  void when_closed(std::function<void()> then);

  std::vector<Address> listening() const;
  const GateCounters& gate_counters() const { return gate_.counters(); }
  std::size_t half_open() const { return half_open_.size(); }
  std::size_t receive_buffer_granted() const;
  std::uint64_t kernel_drops() const;

  // ConnectionHome
  void add_id(const ngtcp2_cid& id, Connection& connection) override;
  void remove_id(const ngtcp2_cid& id) override;
  void make_reset_token(const ngtcp2_cid& id, std::uint8_t* token) override { gate_.make_reset_token(id, token); }
  void mark_dirty(Connection& connection) override;
  ngtcp2_tstamp now() const override;

 private:
  struct Port {
    std::unique_ptr<UdpSocket> socket;
    boost::asio::posix::stream_descriptor waiter;  // waits on a duplicate of the socket
    bool waits_to_write = false;
  };
  void wait_readable(Port& port);
  void wait_writable(UdpSocket& socket);
  void read(Port& port);
  void on_datagram(UdpSocket& socket, const Datagram& datagram, ngtcp2_tstamp now);
  bool offer_as_reset(const Datagram& datagram, ngtcp2_tstamp now);
  Connection* accept(UdpSocket& socket, const Datagram& datagram, const Gate::Decision& decision);
  Connection* make(const Address& local, const Address& remote, UdpSocket& socket, const Connection::Accepted* accepted);
  void schedule_flush();
  void flush(ngtcp2_tstamp at);
  void arm_timer();
  void on_timer();
  void bury(Connection& connection);
  UdpSocket* socket_for(const Address& remote);

  struct Entry {
    std::unique_ptr<Connection> connection;
    UdpSocket* socket;
    bool is_dirty = false;
    bool was_read = false;  // in this wake-up
    bool is_blocked = false;
    ngtcp2_tstamp expiry = UINT64_MAX;
  };
  using Expiries = std::set<std::pair<ngtcp2_tstamp, LinkId>>;
  void note_expiry(LinkId link, Entry& entry, ngtcp2_tstamp at);
  void set_expiry(LinkId link, Entry& entry, ngtcp2_tstamp expiry);

  boost::asio::io_context& io_;
  const Tls& tls_;
  Secrets& secrets_;
  ConnectionUser& user_;
  TransportOptions transport_;
  Gate gate_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unordered_map<ngtcp2_cid, Connection*, ConnectionIdHash, ConnectionIdEqual> by_id_;
  std::unordered_map<LinkId, Entry> connections_;
  std::unordered_multimap<Address, LinkId> by_address_;
  std::unordered_set<LinkId> half_open_;
  Expiries expiries_;  // of connections_: looking at them all per wake-up costs 15 ns each (measured)
  std::vector<LinkId> dirty_, read_;
  std::uint64_t last_link_ = 0;
  bool flush_scheduled_ = false;
  std::optional<ngtcp2_tstamp> reading_at_;  // while packets are read
  boost::asio::steady_timer timer_;
  ngtcp2_tstamp timer_at_ = UINT64_MAX;
  std::unique_ptr<std::byte[]> scratch_;
  std::function<void()> when_closed_;
};

}  // namespace bp2p::quic
