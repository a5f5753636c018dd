// How connections end: closed, idle, reset, lost.
#include "tests/sim/network.h"

namespace bp2p::sim {

void Network::close(LinkId from, LinkCode code, const std::string& text) {
  End* own = nullptr;
  End* other = nullptr;
  Connection* connection = connection_of(from, &own, &other);
  if (connection == nullptr || own->state == End::State::over) return;
  own->state = End::State::over;
  own->over_at = queue_.now();
  const std::size_t side = own == connection->ends.data() ? 0 : 1;
  // CONNECTION_CLOSE is not sent again: where it is lost, the other end learns from a reset, or from silence.
  if (is_open(*connection, side)) {
    connection->close_under_way = true;
    // After what was said before; but what is lost then is not sent again, unless the daemon stops and waits for it.
    TimePoint when = queue_.now() + paths.draw(own->party->number, other->party->number, rng_);
    const bool is_sudden = code != LinkCode::goodbye && rng_.below(4) == 0;
    for (const auto& [stream, way] : connection->ways[side])
      if (stream != overlay_stream || !is_sudden) when = std::max(when, way.last);
    queue_.at(when, [this, number = connection->number, side, code, text] {
      Connection* still = find(number);
      if (still == nullptr) return;
      still->close_under_way = false;
      End& peer = still->ends[1 - side];
      if (is_open(*still, side) && peer.state == End::State::open)
        return finish(*still, 1 - side, {LinkEnd::How::closed_by_peer, static_cast<std::uint64_t>(code), text});
      if (is_open(*still, side) && peer.state == End::State::not_yet) peer.state = End::State::over;  // nothing came of it
      reconsider(*still);
    });
  }
  reconsider(*connection);
}

void Network::finish(Connection& connection, std::size_t side, const LinkEnd& why) {
  End& end = connection.ends[side];
  const bool is_told = end.is_alive();
  end.state = End::State::over;
  end.over_at = queue_.now();
  Party& party = *end.party;
  const LinkId link = end.link;
  const auto number = connection.number;
  if (is_told) party.on_link_closed(link, why);
  if (Connection* still = find(number)) reconsider(*still);
}

void Network::bury(std::uint64_t number) {
  Connection* connection = find(number);
  if (connection == nullptr) return;
  for (const End& end : connection->ends) by_link_.erase(end.link);
  if (connection->ends[0].party != nullptr) dials_.erase({connection->ends[0].party->number, connection->dial});
  connections_.erase(number);
}

void Network::reconsider(Connection& connection) {
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    End& end = connection.ends[side];
    if (end.state != End::State::over && end.party != nullptr && end.link.value != 0 &&
        (!end.party->is_up() || end.party->start() != end.start)) {
      end.state = End::State::over;
      end.over_at = queue_.now();
    }
  }
  if (connection.ends[0].state == End::State::over && connection.ends[1].state == End::State::over) {
    if (!connection.close_under_way)
      queue_.after(1ms, [this, number = connection.number] { bury(number); });
    return;
  }
  if (connection.ends[0].state == End::State::over && connection.ends[1].state == End::State::not_yet) {
    // The server's side will come up and find nobody: open_end is still to come.
    return;
  }
  reconsider_end(connection, 0);
  reconsider_end(connection, 1);
}

/// What the end hears of the other one, and when that will be the end of it.
void Network::reconsider_end(Connection& connection, std::size_t side) {
  End& end = connection.ends[side];
  const End& other = connection.ends[1 - side];
  if (end.state != End::State::open) return;
  const bool back = is_open(connection, 1 - side), there = is_open(connection, side);
  End::Hears hears = End::Hears::nothing;
  if (other.state != End::State::over) {
    if (back && !other.party->is_paused()) hears = End::Hears::peer;
  } else if (connection.close_under_way) {
    hears = End::Hears::peer;
  } else if (back && there && other.party->is_up() && !other.party->is_paused()) {
    hears = End::Hears::resets;  // RFC 9000 10.3: what we send next is answered so
  }
  if (hears == end.hears) return;
  end.hears = hears;
  const auto generation = ++end.generation;
  if (hears == End::Hears::peer) return;
  const bool is_reset = hears == End::Hears::resets;
  const Duration span = is_reset ? 1ms + draw(keep_alive) : idle_timeout - draw(keep_alive);
  queue_.after(span, [this, number = connection.number, side, generation, is_reset] {
    Connection* still = find(number);
    if (still == nullptr || still->ends[side].state != End::State::open || still->ends[side].generation != generation) return;
    finish(*still, side, {is_reset ? LinkEnd::How::reset : LinkEnd::How::idle, 0, ""});
  });
}

void Network::on_party_gone(const Party& party) {
  for (const auto number : numbers_of(party)) {
    Connection& connection = *connections_.at(number);
    for (End& end : connection.ends) {
      if (end.party != &party || end.link.value == 0) continue;  // 0: still dialling, which ends by itself
      end.state = End::State::over;
      end.over_at = queue_.now();
    }
    reconsider(connection);
  }
}

void Network::on_party_changed(const Party& party) {
  for (const auto number : numbers_of(party)) reconsider(*connections_.at(number));
}

void Network::on_paths_changed() {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, connection] : connections_) numbers.push_back(number);
  for (const auto number : numbers) {
    Connection& connection = *connections_.at(number);
    if (connection.ends[1].party == nullptr || connection.ends[0].link.value == 0) continue;
    flow(connection);
    reconsider(connection);
  }
}

void Network::lose(std::uint64_t number) {
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}})
    queue_.after(draw(1s), [this, number, side] {
      Connection* still = find(number);
      if (still != nullptr && still->ends[side].state == End::State::open)
        finish(*still, side, {LinkEnd::How::lost, 0, "broken on purpose"});
    });
}

void Network::lose_all_of(const Party& party) {
  for (const auto number : numbers_of(party)) lose(number);
}

}  // namespace bp2p::sim
