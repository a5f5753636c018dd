// The connections between daemons as their cores see them: opened, messages in order on each stream, closed. Below is no packet but
// what packets come to: what cannot pass waits for the path (QUIC sends it again), and an end that hears nothing for
// the idle time-out is over, at its own time and without the other's knowledge.
#pragma once
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tests/sim/party.h"
#include "tests/sim/paths.h"

namespace bp2p::sim {

class Network {
 public:
  // daemon/quic/connection.h
  static constexpr Duration idle_timeout = 30s, keep_alive = 10s, handshake_timeout = 5s;
  /// daemon/beam/overlay_stream.cc
  static constexpr std::size_t overlay_bytes_max = std::size_t{8} << 20;
  static constexpr std::size_t overlay_backlog_low = gossip::Config{}.backlog_bytes_max / 2;

  /// Streams do not order one another. A channel's number is that of its control stream.
  using Stream = std::uint64_t;
  static constexpr Stream link_stream = ~Stream{0}, overlay_stream = link_stream - 1;

  Network(EventQueue& queue, Rng rng) : queue_(queue), rng_(rng) {}

  void add(Party& party) { parties_.emplace(party.at, &party); }

  // What a party does.
  void dial(Party& from, DialId dial, const Address& to);
  void cancel_dial(Party& from, DialId dial);
  void send(LinkId from, LinkStream stream, Bytes message);
  /// The peer may open streams: what it has said on its overlay stream so far comes now.
  void admit(LinkId own);
  void send_road(LinkId from, const RoadMessage& message);
  void close(LinkId from, LinkCode code, const std::string& text);

  // What happens to it.
  /// Its process is gone, and all it knew of connections.
  void on_party_gone(const Party& party);
  /// It was paused, it woke, it was started: what others hear of it is another thing now.
  void on_party_changed(const Party& party);
  void on_paths_changed();
  /// The connection breaks: both ends notice, each at its own time.
  void lose(std::uint64_t connection);
  /// As lose, of all that the party has, and at once for it.
  void lose_all_of(const Party& party);

  Paths paths;

  struct End {
    Party* party = nullptr;
    unsigned start = 0;  ///< of the party's process
    LinkId link;
    enum class State : std::uint8_t { not_yet, open, over } state = State::not_yet;
    enum class Hears : std::uint8_t { peer, nothing, resets } hears = Hears::peer;
    std::uint64_t generation = 0;  ///< of `hears`
    TimePoint over_at = never;
    bool has_admitted = false;     ///< the other one
    bool is_alive() const { return state == State::open && party->is_up() && party->start() == start; }
  };
  struct Connection {
    std::uint64_t number;
    DialId dial;
    std::array<End, 2> ends;  ///< client, server
    Exporter exporter;
    bool cancelled = false;
    bool close_under_way = false;
    /// A hostile end has said the HELLO that its key may say here.
    bool has_own_hello = false;
    TimePoint opened = never;

    using Payload = std::variant<Bytes, RoadMessage>;
    struct Way {
      std::deque<Payload> waiting;
      std::size_t scheduled = 0;
      std::uint64_t delivered = 0;
      TimePoint last{};
      std::size_t bytes = 0;   ///< that wait; of the overlay's stream
      std::size_t since_report = 0;  ///< said since the sender heard how many wait
    };
    std::array<std::map<Stream, Way>, 2> ways;  ///< by the end that sends
  };

  /// nullptr when the link is over at both ends, or was never one.
  Connection* connection_of(LinkId link, End** own = nullptr, End** other = nullptr);
  const std::map<std::uint64_t, std::unique_ptr<Connection>>& connections() const { return connections_; }
  /// The last HELLOs that anybody said.
  const std::deque<Bytes>& overheard() const { return overheard_; }
  std::uint64_t next_id() { return ++last_id_; }
  std::uint64_t messages_delivered() const { return delivered_; }
  std::uint64_t bytes_delivered() const { return bytes_; }
  /// What a party has sent since the beginning.
  struct Sent {
    std::uint64_t messages = 0, bytes = 0;
  };
  Sent sent_by(std::size_t party) const {
    const auto found = sent_.find(party);
    return found == sent_.end() ? Sent{} : found->second;
  }

 private:
  void try_handshake(std::uint64_t number, TimePoint give_up, Duration probe);
  void establish(Connection& connection);
  void open_end(Connection& connection, std::size_t side);
  void put(Connection& connection, std::size_t side, Stream stream, Connection::Payload payload);
  void schedule(Connection& connection, std::size_t side, Stream stream, Duration extra);
  void deliver(std::uint64_t number, std::size_t side, Stream stream);
  void on_taken(Connection& connection, std::size_t side, std::size_t bytes);
  void flow(Connection& connection);
  void reconsider(Connection& connection);
  void reconsider_end(Connection& connection, std::size_t side);
  void finish(Connection& connection, std::size_t side, const LinkEnd& why);
  void bury(std::uint64_t number);
  bool is_open(const Connection& connection, std::size_t from_side) const;
  Connection* find(std::uint64_t number);
  std::vector<std::uint64_t> numbers_of(const Party& party) const;
  Duration draw(Duration up_to) { return Duration{static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(up_to.count())))}; }

  EventQueue& queue_;
  Rng rng_;
  std::map<Address, Party*> parties_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::unordered_map<LinkId, std::pair<std::uint64_t, std::size_t>> by_link_;
  std::map<std::pair<std::size_t, DialId>, std::uint64_t> dials_;
  std::deque<Bytes> overheard_;
  std::map<std::size_t, Sent> sent_;
  std::uint64_t last_id_ = 0, delivered_ = 0, bytes_ = 0;
};

}  // namespace bp2p::sim
