#include "tests/sim/network.h"

#include "proto/base/check.h"

namespace bp2p::sim {

Network::Connection* Network::find(std::uint64_t number) {
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second.get();
}

Network::Connection* Network::connection_of(LinkId link, End** own, End** other) {
  const auto found = by_link_.find(link);
  if (found == by_link_.end()) return nullptr;
  const auto [number, side] = found->second;
  Connection& connection = *connections_.at(number);
  if (own != nullptr) *own = &connection.ends[side];
  if (other != nullptr) *other = &connection.ends[1 - side];
  return &connection;
}

bool Network::is_open(const Connection& connection, std::size_t from_side) const {
  return paths.is_open(connection.ends[from_side].party->number, connection.ends[1 - from_side].party->number);
}

std::vector<std::uint64_t> Network::numbers_of(const Party& party) const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, connection] : connections_)
    if (connection->ends[0].party == &party || connection->ends[1].party == &party) numbers.push_back(number);
  return numbers;
}

// --- how a connection begins ----------------------------------------------------------------------

void Network::dial(Party& from, DialId dial, const Address& to) {
  const auto number = next_id();
  auto made = std::make_unique<Connection>();
  made->number = number;
  made->dial = dial;
  made->ends[0].party = &from;
  made->ends[0].start = from.start();
  const auto listening = parties_.find(to);
  if (listening != parties_.end()) made->ends[1].party = listening->second;
  for (std::byte& each : made->exporter.bytes) each = static_cast<std::byte>(rng_.next());
  dials_.emplace(std::pair{from.number, dial}, number);
  connections_.emplace(number, std::move(made));
  try_handshake(number, queue_.now() + handshake_timeout, 1s);
}

/// The whole handshake at once, tried again as QUIC sends its Initial again (RFC 9002: 1 s, doubling).
void Network::try_handshake(std::uint64_t number, TimePoint give_up, Duration probe) {
  Connection* connection = find(number);
  if (connection == nullptr) return;
  End& client = connection->ends[0];
  End& server = connection->ends[1];
  if (connection->cancelled || !client.party->is_up() || client.party->start() != client.start) return bury(number);
  const bool can_pass = server.party != nullptr && server.party->is_up() && !server.party->is_paused() &&
                        is_open(*connection, 0) && is_open(*connection, 1);
  if (can_pass) return establish(*connection);
  if (queue_.now() + probe >= give_up) {
    queue_.at(give_up, [this, number] {
      Connection* late = find(number);
      if (late == nullptr) return;
      const End& dialler = late->ends[0];
      const bool is_told = !late->cancelled && dialler.party->is_up() && dialler.party->start() == dialler.start;
      Party& party = *dialler.party;
      const DialId id = late->dial;
      bury(number);
      if (is_told) party.on_dial_failed(id, DialError::no_answer);
    });
    return;
  }
  queue_.after(probe, [this, number, give_up, probe] { try_handshake(number, give_up, probe * 2); });
}

void Network::establish(Connection& connection) {
  End& client = connection.ends[0];
  End& server = connection.ends[1];
  server.start = server.party->start();
  client.link = LinkId{next_id()};
  server.link = LinkId{next_id()};
  by_link_[client.link] = {connection.number, 0};
  by_link_[server.link] = {connection.number, 1};
  const auto trip = [&] { return paths.draw(client.party->number, server.party->number, rng_); };
  const Duration client_knows = trip() + trip() + trip();
  // The server hears of the link with the client's first message; sometimes the two race.
  const Duration server_knows = client_knows + (rng_.below(4) == 0 ? -trip() / 2 : trip());
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}})
    queue_.after(std::max(side == 0 ? client_knows : server_knows, Duration{1us}), [this, number = connection.number, side] {
      if (Connection* still = find(number)) open_end(*still, side);
    });
}

void Network::open_end(Connection& connection, std::size_t side) {
  End& end = connection.ends[side];
  const End& other = connection.ends[1 - side];
  if (end.state != End::State::not_yet || !end.party->is_up() || end.party->start() != end.start) return;
  if (side == 0) {
    dials_.erase({end.party->number, connection.dial});
    if (connection.cancelled) return close(end.link, LinkCode::goodbye, "not needed any more");  // as daemon/beam/links.cc does
  }
  end.state = End::State::open;
  end.has_admitted = end.party->is_hostile();
  if (connection.opened == never) connection.opened = queue_.now();
  LinkFacts facts{other.party->key(), other.party->at, connection.exporter, std::nullopt};
  if (side == 0) facts.dial = connection.dial;
  const auto number = connection.number;
  end.party->on_link_opened(end.link, facts);
  if (Connection* still = find(number)) {
    flow(*still);
    reconsider(*still);
  }
}

void Network::cancel_dial(Party& from, DialId dial) {
  const auto found = dials_.find({from.number, dial});
  if (found == dials_.end()) return;
  Connection* connection = find(found->second);
  dials_.erase(found);
  if (connection == nullptr) return;
  connection->cancelled = true;
}

// --- what is said -----------------------------------------------------------------------------------

void Network::put(Connection& connection, std::size_t side, Stream stream, Connection::Payload payload) {
  Connection::Way& way = connection.ways[side][stream];
  if (const auto* message = std::get_if<Bytes>(&payload)) {
    Sent& sent = sent_[connection.ends[side].party->number];
    ++sent.messages;
    sent.bytes += message->size() + 4;
    if (stream == overlay_stream) {
      if (way.bytes + message->size() > overlay_bytes_max) return lose(connection.number);
      way.bytes += message->size();
      way.since_report += message->size();
    }
  }
  way.waiting.push_back(std::move(payload));
  if (is_open(connection, side)) schedule(connection, side, stream, Duration{});
}

void Network::schedule(Connection& connection, std::size_t side, Stream stream, Duration extra) {
  Connection::Way& way = connection.ways[side][stream];
  const Duration trip = paths.draw(connection.ends[side].party->number, connection.ends[1 - side].party->number, rng_);
  way.last = std::max(way.last, queue_.now() + trip + extra);
  ++way.scheduled;
  queue_.at(way.last, [this, number = connection.number, side, stream] { deliver(number, side, stream); });
}

void Network::deliver(std::uint64_t number, std::size_t side, Stream stream) {
  Connection* connection = find(number);
  if (connection == nullptr) return;
  Connection::Way& way = connection->ways[side][stream];
  --way.scheduled;
  End& to = connection->ends[1 - side];
  if (way.waiting.empty() || !is_open(*connection, side)) return;   // it waits for the path
  if (to.state == End::State::not_yet) return;                      // it waits for the end (open_end)
  if (stream == overlay_stream && !to.has_admitted) return;         // it waits for the peer's word (admit)
  Connection::Payload payload = std::move(way.waiting.front());
  way.waiting.pop_front();
  ++way.delivered;
  const bool is_hello = stream == link_stream && way.delivered == 1;
  const bool is_over = way.waiting.empty() && way.scheduled == 0;
  const auto* message = std::get_if<Bytes>(&payload);
  if (stream == overlay_stream) on_taken(*connection, side, message->size());
  if (message == nullptr && is_over && std::get<RoadMessage>(payload).step == RoadMessage::Step::close)
    connection->ways[side].erase(stream);
  if (!to.is_alive()) return;
  ++delivered_;
  if (message == nullptr) return to.party->on_road(to.link, std::get<RoadMessage>(payload));
  if (is_hello) {
    overheard_.push_back(*message);
    if (overheard_.size() > 64) overheard_.pop_front();
  }
  bytes_ += message->size();
  to.party->on_link_message(to.link, stream == link_stream ? LinkStream::link : LinkStream::overlay, *message);
}

/// Said when what waits is below the mark, and again after so many bytes: gossip counts what it sends until it hears of
/// it. (daemon/beam/overlay_stream.cc says it only when it was above the mark before; then a neighbour to whom 256 KiB
/// were sent in the course of time is taken for one that reads nothing, for ever.)
void Network::on_taken(Connection& connection, std::size_t side, std::size_t bytes) {
  Connection::Way& way = connection.ways[side][overlay_stream];
  way.bytes -= bytes;
  if (way.since_report <= overlay_backlog_low / 2 || way.bytes > overlay_backlog_low) return;
  way.since_report = way.bytes;
  const End& from = connection.ends[side];
  queue_.after(paths.draw(connection.ends[1 - side].party->number, from.party->number, rng_), [this, number = connection.number, side] {
    Connection* still = find(number);
    if (still == nullptr || !still->ends[side].is_alive()) return;
    still->ends[side].party->on_link_backlog(still->ends[side].link, still->ways[side][overlay_stream].bytes);
  });
}

/// What waited for the path goes on, within a probe time-out.
void Network::flow(Connection& connection) {
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    if (!is_open(connection, side) || connection.ends[1 - side].state == End::State::not_yet) continue;
    for (auto& [stream, way] : connection.ways[side])
      while (way.scheduled < way.waiting.size()) schedule(connection, side, stream, draw(1s));
  }
}

void Network::admit(LinkId link) {
  End* own = nullptr;
  Connection* connection = connection_of(link, &own);
  if (connection == nullptr || std::exchange(own->has_admitted, true)) return;
  const std::size_t side = own == connection->ends.data() ? 1 : 0;
  const auto waits = connection->ways[side].find(overlay_stream);
  if (waits == connection->ways[side].end() || !is_open(*connection, side)) return;
  while (waits->second.scheduled < waits->second.waiting.size()) schedule(*connection, side, overlay_stream, Duration{});
}

void Network::send(LinkId from, LinkStream stream, Bytes message) {
  End* own = nullptr;
  Connection* connection = connection_of(from, &own);
  if (connection == nullptr || own->state != End::State::open) return;
  put(*connection, own == connection->ends.data() ? 0 : 1, stream == LinkStream::link ? link_stream : overlay_stream, std::move(message));
}

void Network::send_road(LinkId from, const RoadMessage& message) {
  End* own = nullptr;
  Connection* connection = connection_of(from, &own);
  if (connection == nullptr || own->state != End::State::open) return;
  put(*connection, own == connection->ends.data() ? 0 : 1, message.channel, message);
}

}  // namespace bp2p::sim
