#include "daemon/quic/endpoint.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <system_error>

#include "daemon/clock.h"
#include "daemon/net/sockaddr.h"

namespace bp2p::quic {
namespace {
constexpr std::size_t scratch_bytes = 65'536;
// Timers below this only add wake-ups: an ACK that waits a little longer travels with data (measured: halves the packets
// of a request-response load).
constexpr ngtcp2_duration timer_floor = NGTCP2_MILLISECONDS;
}  // namespace

Endpoint::Endpoint(boost::asio::io_context& io, const Options& options, const Tls& tls, const ResetKey& key,
                   Secrets& secrets, ConnectionUser& user)
    : io_(io),
      tls_(tls),
      secrets_(secrets),
      user_(user),
      transport_(options.transport),
      gate_(options.gate, key, secrets),
      timer_(io),
      scratch_(std::make_unique_for_overwrite<std::byte[]>(scratch_bytes)) {
  for (const Address& at : options.listen) {
    auto socket = std::make_unique<UdpSocket>(at, options.socket);
    const int waiter = ::dup(socket->fd());
    if (waiter < 0) throw std::system_error(errno, std::system_category(), "dup");
    ports_.push_back(std::make_unique<Port>(std::move(socket), boost::asio::posix::stream_descriptor{io, waiter}));
  }
  // A window above what the socket's buffer holds only makes the kernel drop datagrams (measured: 12 % at 208 KiB).
  transport_.connection_window =
      std::min(std::max<std::uint64_t>(receive_buffer_granted(), 256 * 1024), transport_.connection_window);
}

Endpoint::~Endpoint() {
  // Connections say goodbye to their streams' users while the tables still stand.
  auto connections = std::move(connections_);
  connections_.clear();
  connections.clear();
}

void Endpoint::start() {
  for (auto& port : ports_) wait_readable(*port);
}

std::vector<Address> Endpoint::listening() const {
  std::vector<Address> out;
  for (const auto& port : ports_) out.push_back(port->socket->local());
  return out;
}

std::size_t Endpoint::receive_buffer_granted() const {
  std::size_t least = SIZE_MAX;
  for (const auto& port : ports_) least = std::min(least, port->socket->receive_buffer_granted());
  return least;
}

std::uint64_t Endpoint::kernel_drops() const {
  std::uint64_t sum = 0;
  for (const auto& port : ports_) sum += port->socket->kernel_drops();
  return sum;
}

ngtcp2_tstamp Endpoint::now() const {
  return static_cast<ngtcp2_tstamp>(read_clocks().steady.time_since_epoch().count());
}

void Endpoint::add_id(const ngtcp2_cid& id, Connection& connection) { by_id_.insert_or_assign(id, &connection); }
void Endpoint::remove_id(const ngtcp2_cid& id) { by_id_.erase(id); }

void Endpoint::mark_dirty(Connection& connection) {
  const auto entry = connections_.find(connection.link());
  if (entry == connections_.end() || entry->second.is_dirty) return;
  entry->second.is_dirty = true;
  dirty_.push_back(connection.link());
  schedule_flush();
}

Connection* Endpoint::find(LinkId link) {
  const auto entry = connections_.find(link);
  return entry == connections_.end() || entry->second.connection->is_over() ? nullptr : entry->second.connection.get();
}

UdpSocket* Endpoint::socket_for(const Address& remote) {
  for (auto& port : ports_)
    if (port->socket->can_reach(remote)) return port->socket.get();
  return nullptr;
}

Connection* Endpoint::make(const Address& local, const Address& remote, UdpSocket& socket,
                           const Connection::Accepted* accepted) {
  const LinkId link{++last_link_};
  auto connection =
      std::make_unique<Connection>(link, *this, user_, tls_, transport_, local, remote, secrets_, accepted);
  if (!connection->is_made()) return nullptr;
  Connection* made = connection.get();
  connections_.emplace(link, Entry{std::move(connection), &socket});
  by_address_.emplace(remote, link);
  return made;
}

Connection* Endpoint::dial(const Address& to) {
  UdpSocket* socket = socket_for(to);
  auto local = local_address_towards(to);
  if (socket == nullptr || !local) return nullptr;
  local->port = socket->local().port;
  if (socket->local().ip != Address{}.ip) local->ip = socket->local().ip;  // bound to one address: answers come there
  Connection* connection = make(*local, to, *socket, nullptr);
  if (connection != nullptr) mark_dirty(*connection);
  return connection;
}

void Endpoint::wait_readable(Port& port) {
  port.waiter.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this, &port](const boost::system::error_code& error) {
                           if (!error) read(port);
                         });
}

void Endpoint::read(Port& port) {
  const ngtcp2_tstamp at = now();
  reading_at_ = at;
  const bool more = port.socket->receive([&](const Datagram& d) { on_datagram(*port.socket, d, at); });
  // Indexed: acting on what was read may begin new connections, not read ones.
  for (std::size_t i = 0; i < read_.size(); ++i) {
    const auto entry = connections_.find(read_[i]);
    if (entry == connections_.end()) continue;
    entry->second.was_read = false;
    entry->second.connection->on_packets_read();
  }
  read_.clear();
  reading_at_.reset();
  if (more) {
    boost::asio::post(io_, [this, &port] { read(port); });
  } else {
    wait_readable(port);
  }
}

void Endpoint::on_datagram(UdpSocket& socket, const Datagram& datagram, ngtcp2_tstamp at) {
  ngtcp2_version_cid version_cid{};
  const int decoded = ngtcp2_pkt_decode_version_cid(
      &version_cid, reinterpret_cast<const std::uint8_t*>(datagram.bytes.data()), datagram.bytes.size(), connection_id_size);
  if (decoded != 0 && decoded != NGTCP2_ERR_VERSION_NEGOTIATION) return;

  Connection* connection = nullptr;
  if (decoded == 0 && version_cid.dcidlen <= NGTCP2_MAX_CIDLEN) {
    ngtcp2_cid id{};
    ngtcp2_cid_init(&id, version_cid.dcid, version_cid.dcidlen);
    const auto known = by_id_.find(id);
    if (known != by_id_.end()) connection = known->second;
  }
  if (connection == nullptr) {
    const bool is_long = (std::to_integer<unsigned>(datagram.bytes[0]) & 0x80) != 0;
    // Version Negotiation for a connection that is none of ours; its ids may be longer than ours ever are.
    if (decoded == 0 && version_cid.version == 0 && is_long) return;
    if (decoded == 0 && version_cid.version == 0 && offer_as_reset(datagram, at)) return;
    const Gate::Decision decision =
        gate_.decide(datagram, version_cid, decoded != 0, half_open_.size(), connections_.size(), at,
                     {scratch_.get(), scratch_bytes});
    if (decision.answer == Gate::Answer::reply)
      socket.send(datagram.from, datagram.to, 0, {scratch_.get(), decision.reply_size}, decision.reply_size);
    if (decision.answer != Gate::Answer::accept) return;
    connection = accept(socket, datagram, decision);
    if (connection == nullptr) return;
    connection->on_packet(datagram, at);
    if (connection->is_over()) {
      // Nothing of it may stay in the way of the client's next datagram, which may be in this very batch.
      const bool wants_retry = connection->wants_retry();
      bury(*connection);
      if (!wants_retry) return;
      const Gate::Decision retry = gate_.retry(datagram, decision.header, at, {scratch_.get(), scratch_bytes});
      if (retry.answer == Gate::Answer::reply)
        socket.send(datagram.from, datagram.to, 0, {scratch_.get(), retry.reply_size}, retry.reply_size);
      return;
    }
  } else {
    connection->on_packet(datagram, at);
  }
  const auto entry = connections_.find(connection->link());
  if (entry != connections_.end() && !entry->second.was_read) {
    entry->second.was_read = true;
    read_.push_back(connection->link());
  }
}

/// A stateless reset carries an id that nobody knows, so it is found by where it came from.
bool Endpoint::offer_as_reset(const Datagram& datagram, ngtcp2_tstamp at) {
  const auto [first, last] = by_address_.equal_range(datagram.from);
  std::vector<LinkId> links;  // a copy: the end of one may begin another
  for (auto each = first; each != last; ++each) links.push_back(each->second);
  for (const LinkId link : links) {
    const auto entry = connections_.find(link);
    if (entry == connections_.end() || entry->second.connection->is_done()) continue;
    Connection& connection = *entry->second.connection;
    connection.on_packet(datagram, at);
    if (connection.is_done()) return true;
  }
  return false;
}

Connection* Endpoint::accept(UdpSocket& socket, const Datagram& datagram, const Gate::Decision& decision) {
  const Connection::Accepted accepted{decision.header, decision.original_id};
  Connection* connection = make(datagram.to, datagram.from, socket, &accepted);
  if (connection != nullptr) half_open_.insert(connection->link());
  return connection;
}

void Endpoint::schedule_flush() {
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  // The instant of the read that led here: by a later one the ACKs of what was read would be due (after an eighth of the
  // round trip), and leave alone instead of with the answer (measured: half of a request-response load's packets).
  const ngtcp2_tstamp at = reading_at_.value_or(now());
  // Behind what is already waiting to run: several inputs of one wake-up make one flush.
  boost::asio::post(io_, [this, at] { flush(at); });
}

void Endpoint::flush(ngtcp2_tstamp at) {
  flush_scheduled_ = false;
  std::vector<LinkId> dirty;
  std::swap(dirty, dirty_);
  for (const LinkId link : dirty) {
    const auto found = connections_.find(link);
    if (found == connections_.end()) continue;
    Entry& entry = found->second;  // an iterator would not outlive a dial that one of these leads to
    entry.is_dirty = false;
    Connection& connection = *entry.connection;
    if (connection.expiry() <= at) connection.on_time(at);
    if (connection.is_over()) connection.leave_users();
    switch (connection.write(*entry.socket, at, {scratch_.get(), scratch_bytes})) {
      case Connection::Written::all: break;
      case Connection::Written::some: mark_dirty(connection); break;
      case Connection::Written::blocked:
        entry.is_blocked = true;
        wait_writable(*entry.socket);
        break;
    }
    if (connection.is_done()) {
      bury(connection);
      continue;
    }
    if (connection.is_admitted()) half_open_.erase(link);
    note_expiry(link, entry, at);
    if (entry.expiry < timer_at_) arm_timer();
  }
  const auto is_closing = [](const auto& each) { return each.second.connection->is_over(); };
  if (when_closed_ && std::ranges::none_of(connections_, is_closing)) std::exchange(when_closed_, nullptr)();
}

void Endpoint::when_closed(std::function<void()> then) {
  when_closed_ = std::move(then);
  flush_now();
}

void Endpoint::note_expiry(LinkId link, Entry& entry, ngtcp2_tstamp at) {
  const ngtcp2_tstamp floor = at + (entry.connection->is_waiting_to_send() ? 0 : timer_floor);
  set_expiry(link, entry, std::max(entry.connection->expiry(), floor));
}

void Endpoint::set_expiry(LinkId link, Entry& entry, ngtcp2_tstamp expiry) {
  if (expiry == entry.expiry) return;
  auto node = expiries_.extract({entry.expiry, link});
  entry.expiry = expiry;
  if (expiry == UINT64_MAX) return;
  if (node.empty()) {
    expiries_.emplace(expiry, link);
  } else {
    node.value().first = expiry;
    expiries_.insert(std::move(node));
  }
}

void Endpoint::wait_writable(UdpSocket& socket) {
  for (auto& port : ports_) {
    if (port->socket.get() != &socket || port->waits_to_write) continue;
    port->waits_to_write = true;
    port->waiter.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                            [this, at = port.get()](const boost::system::error_code& error) {
                              at->waits_to_write = false;
                              if (error) return;
                              for (auto& [link, entry] : connections_)
                                if (std::exchange(entry.is_blocked, false)) mark_dirty(*entry.connection);
                            });
  }
}

void Endpoint::bury(Connection& connection) {
  const LinkId link = connection.link();
  half_open_.erase(link);
  std::erase_if(by_address_, [&](const auto& entry) { return entry.second == link; });
  auto node = connections_.extract(link);  // its end may look for other connections
  set_expiry(link, node.mapped(), UINT64_MAX);
}

/// One timer for all. It is only ever moved forward; when it fires early, it looks again.
void Endpoint::arm_timer() {
  if (expiries_.empty()) {
    timer_at_ = UINT64_MAX;
    return;
  }
  const ngtcp2_tstamp first = expiries_.begin()->first;
  const ngtcp2_tstamp at = now();
  const ngtcp2_duration wait = first > at ? first - at : 0;
  timer_at_ = at + wait;
  timer_.expires_after(std::chrono::nanoseconds{wait});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_timer();
  });
}

void Endpoint::on_timer() {
  timer_at_ = UINT64_MAX;
  const ngtcp2_tstamp at = now();
  while (!expiries_.empty() && expiries_.begin()->first <= at) {
    const LinkId link = expiries_.begin()->second;
    Entry& entry = connections_.at(link);
    set_expiry(link, entry, UINT64_MAX);
    mark_dirty(*entry.connection);  // a flush looks at the time, and says when it is to be looked at again
  }
  arm_timer();
}

}  // namespace bp2p::quic
