// A few daemons' cores, their nodes and the network between them, in one thread and without time of its own.
// Every queue keeps its order; which queue moves next is drawn from a seed. So a run is a possible order of events,
// and a thousand seeds are a thousand of them.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proto/core/core.h"
#include "proto/trust/admission.h"
#include "proto/trust/peer_record.h"
#include "proto/wire/local_frame.h"
#include "proto/wire/peer_messages.h"
#include "proto/wire/term.h"
#include "tests/unit/proto/fake_crypto.h"

namespace bp2p::test {

using namespace std::chrono_literals;

inline NodeName name(std::string_view text) { return NodeName::parse(text).value(); }
inline Address address(std::string_view text) { return Address::parse(text).value(); }

class World;

/// One daemon: its core, the pins on its disk, the connections of its node socket.
class Daemon {
 public:
  Daemon(World& in_world, std::uint8_t key_seed, Address at, CoreConfig config);

  /// A connection on the node socket says its first frame.
  SessionId say(const Bytes& first_frame, std::uint32_t uid = 1000);
  void hang_up(SessionId session);
  /// Attaches a node that accepts what it is told of, unless `accepts` is false.
  SessionId attach(const std::optional<NodeName>& node, bool accepts = true);
  /// A REQUEST on a session; its answer.
  Term ask(SessionId session, const Term& request);
  /// DIAL for the node that attached on `session`.
  SessionId dial(SessionId session, std::string_view to);

  // What a connection of the node socket has heard.
  bool is_ready(SessionId leg) const { return ready.contains(leg); }
  std::optional<local::Refused> refused(SessionId leg) const {
    const auto found = refusals.find(leg);
    return found == refusals.end() ? std::nullopt : std::optional{found->second};
  }
  std::optional<RefuseCode> refused_code(SessionId leg) const {
    const auto refusal = refused(leg);
    return refusal ? std::optional{refusal->code} : std::nullopt;
  }
  const local::Attached& attached(SessionId session) const { return attachments.at(session); }
  bool said(std::string_view event) const {
    return std::ranges::any_of(events, [&](const Event& each) { return each.name == event; });
  }
  std::size_t count_of(std::string_view event) const {
    return static_cast<std::size_t>(std::ranges::count_if(events, [&](const Event& each) { return each.name == event; }));
  }

  /// A frame passes on the channel that begins at `leg`.
  void pass_frame(SessionId leg);
  /// The channel ends, at this end and at the other.
  void end_channel(SessionId leg);

  /// Gives the core one input and performs its effects.
  void with(const std::function<void(Core&, Now, Effects&)>& input);

  World& world;
  FakeSigning signing;
  FakeSecrets secrets;
  Address at;
  CoreConfig config;
  std::unique_ptr<Core> core;

  std::map<NodeName, PinRead> pins;
  bool disk_is_full = false;
  std::map<NodeName, std::vector<Address>> book;
  std::map<SessionId, std::uint32_t> uids;
  std::map<SessionId, bool> accepting;
  std::set<SessionId> ready;
  std::map<SessionId, local::Refused> refusals;
  std::map<SessionId, local::Attached> attachments;
  std::vector<local::Incoming> told;
  std::map<SessionId, std::vector<Term>> answers;
  std::map<SessionId, std::vector<std::string>> heard_events;
  std::map<SessionId, std::vector<std::pair<std::string, std::string>>> delivered;
  std::set<SessionId> closed;
  std::vector<StartChannel> channels;
  std::vector<StartLocalChannel> local_channels;
  std::map<SessionId, ChannelUse> uses;  ///< what its data road would say of a leg; not there: nothing has passed
  std::vector<SessionId> reaped;         ///< legs that it closed because nobody used them
  std::vector<Event> events;
  std::vector<ClusterGraph> graphs;  ///< that crawls came to
  std::vector<NodeName> published;  ///< by the last PublishNames
  std::map<LinkId, LinkCode> links_closed_by_us;
  std::vector<Dial> dials;
  Effects last;  ///< of the last input

 private:
  friend class World;
  void perform(const Effects& effects);
  void perform_on_session(const SendToSession& send);
};

class World {
 public:
  explicit World(std::uint64_t seed = 1) : rng(seed) {}

  Daemon& add(std::uint8_t key_seed, std::string_view at, CoreConfig config = {}) {
    if (config.boot_epoch == 0) config.boot_epoch = 1;
    // Most tests let hours pass and look at a link that nobody uses.
    if (config.link_linger == CoreConfig{}.link_linger) config.link_linger = 1000h;
    daemons.push_back(std::make_unique<Daemon>(*this, key_seed, address(at), std::move(config)));
    return *daemons.back();
  }

  /// Moves one event of a queue that the seed picks; false when nothing moves.
  bool move_one() {
    std::vector<Queue*> waiting;
    for (auto& [key, queue] : queues)
      if (!queue.empty()) waiting.push_back(&queue);
    if (waiting.empty()) return false;
    Queue& queue = *waiting[rng.below(waiting.size())];
    const auto event = std::move(queue.front());
    queue.pop_front();
    event();
    return true;
  }
  /// Until nothing moves any more. A run that never ends is a fault of ours.
  void run() {
    for (int moves = 0; move_one(); ++moves) ASSERT_LT(moves, 100000) << "the daemons talk for ever";
  }
  /// Lets `span` pass: every deadline in it, and all that follows.
  void pass(Duration span) {
    run();
    const TimePoint end = now.steady + span;
    for (;;) {
      TimePoint next = never;
      for (const auto& daemon : daemons) next = std::min(next, daemon->core->next_deadline());
      if (next > end) break;
      advance_to(std::max(next, now.steady));
      for (const auto& daemon : daemons)
        if (daemon->core->next_deadline() <= now.steady)
          daemon->with([](Core& core, Now at, Effects& out) { core.on_time(at, out); });
      run();
    }
    advance_to(end);
  }

  /// Nothing goes between the two any more; each end notices as `lost`.
  void cut_all_links() {
    for (auto& connection : connections) connection->lose(*this);
    run();
  }

  /// Its cable is out: its links are lost, and it can make none, until unmute().
  void mute(Daemon& daemon) {
    muted.insert(&daemon);
    for (auto& connection : connections)
      if (connection->client.daemon == &daemon || connection->server.daemon == &daemon) connection->lose(*this);
    run();
  }
  void unmute(Daemon& daemon) { muted.erase(&daemon); }
  /// What it says and is told goes nowhere, and no link has noticed yet.
  void hush(Daemon& daemon) { hushed.insert(&daemon); }

  std::uint64_t next_id() { return ++last_id; }

  using Queue = std::deque<std::function<void()>>;
  using QueueKey = std::pair<std::string, std::uint64_t>;
  void post(const std::string& kind, std::uint64_t id, std::function<void()> event) {
    queues[{kind, id}].push_back(std::move(event));
  }

  /// One QUIC connection: two ends and two ordered directions.
  struct Connection {
    struct End {
      Daemon* daemon;
      LinkId link;
      bool open = false;
      bool gone = false;
    };
    std::uint64_t number;
    DialId dial;
    End client, server;
    Exporter exporter;

    void lose(World& world) {
      for (End* end : {&client, &server}) {
        if (!end->open || end->gone) continue;
        end->gone = true;
        world.post("daemon", end->daemon->at.port, [end = *end] {
          end.daemon->with([&](Core& core, Now at, Effects& out) {
            core.on_link_closed(end.link, {.how = LinkEnd::How::lost, .code = 0, .text = ""}, at, out);
          });
        });
      }
    }
  };

  void dial(Daemon& from, const Dial& dialled);
  void cancel(Daemon& from, DialId dial);
  void send(Daemon& from, const SendToLink& message);
  void close(Daemon& from, const CloseLink& closing);
  Connection* connection_of(const Daemon& daemon, LinkId link, Connection::End** own, Connection::End** other);
  std::vector<std::pair<Daemon*, SessionId>> ends_of(Daemon& daemon, SessionId leg);
  Daemon* listening_at(const Address& dialled) {
    const auto virtual_address = leads_to.find(dialled);
    const Address& at = virtual_address == leads_to.end() ? dialled : virtual_address->second;
    for (const auto& daemon : daemons)
      if (daemon->at == at && !unreachable.contains(at)) return daemon.get();
    return nullptr;
  }
  /// Where the server sees the client: at its own port, or behind a translator at any.
  Address source_of(const Connection& connection) const {
    Address source = connection.client.daemon->at;
    if (translates_ports) source.port = static_cast<std::uint16_t>(20000 + connection.number);
    return source;
  }
  void advance_to(TimePoint when) {
    now.wall += std::chrono::duration_cast<WallTime>(when - now.steady);
    now.steady = when;
  }

  Rng rng;
  Now now{TimePoint{1000s}, WallTime{1'800'000'000'000}};
  std::vector<std::unique_ptr<Daemon>> daemons;
  std::vector<std::unique_ptr<Connection>> connections;
  std::map<QueueKey, Queue> queues;
  std::set<Address> unreachable;
  std::map<Address, Address> leads_to;  ///< a virtual address: where
  std::set<const Daemon*> muted, hushed;
  bool translates_ports = false;
  std::uint64_t last_id = 0;
};

// --- Daemon -----------------------------------------------------------------------------------------

inline Daemon::Daemon(World& in_world, std::uint8_t key_seed, Address own_address, CoreConfig core_config)
    : world(in_world), signing(key_seed), secrets(key_seed), at(own_address), config(std::move(core_config)) {
  config.fingerprint = "SHA256:" + std::to_string(key_seed);
  config.udp_port = at.port;
  config.advertise = {at};
  core = std::make_unique<Core>(config, signing, secrets, Rng{key_seed}, world.now);
}

inline void Daemon::with(const std::function<void(Core&, Now, Effects&)>& input) {
  Effects effects;
  input(*core, world.now, effects);
  last = effects;
  perform(effects);
}

inline SessionId Daemon::say(const Bytes& first_frame, std::uint32_t uid) {
  const SessionId id{world.next_id()};
  uids[id] = uid;
  with([&](Core& to, Now now, Effects& out) { to.on_session_opened(id, {.uid = uid, .gid = uid, .pid = 42}, now, out); });
  if (!closed.contains(id)) with([&](Core& to, Now now, Effects& out) { to.on_session_frame(id, first_frame, now, out); });
  return id;
}

inline void Daemon::hang_up(SessionId session) {
  with([&](Core& to, Now now, Effects& out) { to.on_session_closed(session, now, out); });
}

inline SessionId Daemon::attach(const std::optional<NodeName>& node, bool accepts) {
  const SessionId id = say(local::encode(local::Attach{.hidden = false, .listens = true, .name = node, .token = {}, .creation = 0}));
  accepting[id] = accepts;
  return id;
}

inline Term Daemon::ask(SessionId session, const Term& request) {
  const Bytes term = encode_term(request);
  const Bytes frame = local::encode(local::Request{1, term});
  with([&](Core& to, Now now, Effects& out) { to.on_session_frame(session, frame, now, out); });
  return answers[session].back();
}

inline SessionId Daemon::dial(SessionId session, std::string_view to) {
  return say(local::encode(local::Dial{attachments.at(session).token, name(to)}), uids.at(session));
}

inline void Daemon::perform_on_session(const SendToSession& send) {
  EXPECT_FALSE(closed.contains(send.session)) << "a frame for a closed connection";
  const auto frame = local::decode(send.frame);
  ASSERT_TRUE(frame.has_value());
  if (const auto* heard = std::get_if<local::Attached>(&*frame)) attachments[send.session] = *heard;
  if (const auto* heard = std::get_if<local::Refused>(&*frame)) {
    EXPECT_FALSE(ready.contains(send.session)) << "REFUSED after READY";
    refusals[send.session] = *heard;
  }
  if (std::holds_alternative<local::Ready>(*frame)) {
    EXPECT_TRUE(ready.insert(send.session).second) << "READY twice";
  }
  if (const auto* heard = std::get_if<local::Answer>(&*frame)) answers[send.session].push_back(*decode_term(heard->term));
  if (const auto* heard = std::get_if<local::Event>(&*frame))
    heard_events[send.session].push_back(print_term(*decode_term(heard->term)));
  if (const auto* heard = std::get_if<local::Deliver>(&*frame))
    delivered[send.session].emplace_back(as_text(heard->tag), as_text(heard->payload));
  if (const auto* heard = std::get_if<local::Incoming>(&*frame)) {
    told.push_back(*heard);
    if (accepting[send.session])
      world.post("node", send.session.value, [this, ticket = heard->ticket, uid = uids.at(send.session)] {
        say(local::encode(local::Accept{ticket}), uid);
      });
  }
}

inline void Daemon::perform(const Effects& effects) {
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<SendToSession>(&effect)) {
      perform_on_session(*send);
    } else if (const auto* close = std::get_if<CloseSession>(&effect)) {
      EXPECT_TRUE(closed.insert(close->session).second) << "closed twice";
    } else if (const auto* event = std::get_if<Event>(&effect)) {
      events.push_back(*event);
    } else if (const auto* ended = std::get_if<CrawlEnded>(&effect)) {
      graphs.push_back(ended->graph);
    } else if (const auto* publish = std::get_if<PublishNames>(&effect)) {
      published = publish->names;
    } else if (const auto* resolve = std::get_if<Resolve>(&effect)) {
      world.post("daemon", at.port, [this, ask = *resolve] {
        with([&](Core& to, Now now, Effects& out) { to.on_resolved(ask.resolve, book[ask.name], now, out); });
      });
    } else if (const auto* read = std::get_if<ReadPins>(&effect)) {
      world.post("disk", at.port, [this, ask = *read] {
        PinReads reads;
        for (const NodeName& each : ask.names)
          reads.claimed.push_back(pins.contains(each) ? pins.at(each) : PinRead{std::nullopt});
        for (const auto& [each, pin] : pins)
          if (pin == PinRead{ask.key}) reads.of_key.push_back(each);
          else if (std::ranges::contains(ask.names, each.host(), &NodeName::host)) reads.hosts_of_others.emplace(each.host());
        reads.in_all = pins.size();
        with([&](Core& to, Now now, Effects& out) { to.on_pins_read(ask.link, reads, now, out); });
      });
    } else if (const auto* store = std::get_if<StorePins>(&effect)) {
      world.post("disk", at.port, [this, ask = *store] {
        for (const NodeName& each : ask.names) {
          if (disk_is_full) break;
          EXPECT_FALSE(pins.contains(each)) << "I2: a pin was overwritten: " << each.text();
          pins[each] = PinRead{ask.key};
        }
        with([&](Core& to, Now now, Effects& out) { to.on_pins_stored(ask.link, !disk_is_full, now, out); });
      });
    } else if (const auto* start = std::get_if<StartChannel>(&effect)) {
      EXPECT_TRUE(ready.contains(start->leg)) << "a channel before READY";
      if (start->opened_here) {  // the peer's data road knows the channel already, or has known it
        World::Connection::End* own = nullptr;
        World::Connection::End* peer = nullptr;
        ASSERT_NE(world.connection_of(*this, start->link, &own, &peer), nullptr);
        EXPECT_TRUE(std::ranges::any_of(peer->daemon->channels, [&](const StartChannel& each) {
          return each.link == peer->link && each.channel == start->channel && !each.opened_here;
        })) << "the peer would meet an unknown channel";
      }
      channels.push_back(*start);
    } else if (const auto* local_start = std::get_if<StartLocalChannel>(&effect)) {
      local_channels.push_back(*local_start);
    } else if (const auto* look = std::get_if<LookAtChannels>(&effect)) {
      std::vector<ChannelUse> seen;
      for (const SessionId leg : look->legs) seen.push_back(uses.contains(leg) ? uses.at(leg) : ChannelUse{leg});
      world.post("daemon", at.port, [this, session = look->session, seen] {
        with([&](Core& to, Now now, Effects& out) { to.on_channels_looked_at(session, seen, now, out); });
      });
    } else if (const auto* unused = std::get_if<CloseUnusedChannel>(&effect)) {
      const ChannelUse use = uses.contains(unused->leg) ? uses.at(unused->leg) : ChannelUse{unused->leg};
      if (use.passed != unused->passed || use.is_moving) continue;
      reaped.push_back(unused->leg);
      world.post("daemon", at.port, [this, leg = unused->leg] { end_channel(leg); });
    } else if (const auto* dialling = std::get_if<Dial>(&effect)) {
      dials.push_back(*dialling);
      world.dial(*this, *dialling);
    } else if (const auto* cancel = std::get_if<CancelDial>(&effect)) {
      world.cancel(*this, cancel->dial);
    } else if (const auto* message = std::get_if<SendToLink>(&effect)) {
      world.send(*this, *message);
    } else if (const auto* closing = std::get_if<CloseLink>(&effect)) {
      links_closed_by_us.emplace(closing->link, closing->code);
      world.close(*this, *closing);
    }
  }
}

/// The daemon and the leg of the other end, and of this one.
inline std::vector<std::pair<Daemon*, SessionId>> World::ends_of(Daemon& daemon, SessionId leg) {
  for (const StartLocalChannel& each : daemon.local_channels)
    if (each.dialler == leg || each.acceptor == leg) return {{&daemon, each.dialler}, {&daemon, each.acceptor}};
  std::vector<std::pair<Daemon*, SessionId>> ends{{&daemon, leg}};
  for (const StartChannel& own_end : daemon.channels) {
    Connection::End* own = nullptr;
    Connection::End* peer = nullptr;
    if (own_end.leg != leg || connection_of(daemon, own_end.link, &own, &peer) == nullptr) continue;
    for (const StartChannel& each : peer->daemon->channels)
      if (each.link == peer->link && each.channel == own_end.channel) ends.emplace_back(peer->daemon, each.leg);
  }
  return ends;
}

inline void Daemon::pass_frame(SessionId leg) {
  for (const auto& [daemon, end] : world.ends_of(*this, leg)) {
    auto& use = daemon->uses.try_emplace(end, ChannelUse{end}).first->second;
    ++use.passed;
  }
}

inline void Daemon::end_channel(SessionId leg) {
  for (const auto& [daemon, end] : world.ends_of(*this, leg))
    daemon->with([&, end = end](Core& to, Now now, Effects& out) { to.on_channel_closed(end, now, out); });
}

// --- World ------------------------------------------------------------------------------------------

inline World::Connection* World::connection_of(const Daemon& daemon, LinkId link, Connection::End** own,
                                               Connection::End** other) {
  for (auto& connection : connections) {
    for (const bool is_client : {true, false}) {
      Connection::End& end = is_client ? connection->client : connection->server;
      if (end.daemon != &daemon || end.link != link) continue;
      *own = &end;
      *other = is_client ? &connection->server : &connection->client;
      return connection.get();
    }
  }
  return nullptr;
}

inline void World::dial(Daemon& from, const Dial& dialled) {
  Daemon* to = muted.contains(&from) ? nullptr : listening_at(dialled.to);
  if (to == nullptr) {
    post("daemon", from.at.port, [&from, id = dialled.dial] {
      from.with([&](Core& core, Now at, Effects& out) { core.on_dial_failed(id, DialError::no_answer, at, out); });
    });
    return;
  }
  auto made = std::make_unique<Connection>();
  Connection& connection = *made;
  connection.number = next_id();
  connection.dial = dialled.dial;
  connection.client = {&from, LinkId{next_id()}};
  connection.server = {to, LinkId{next_id()}};
  connection.exporter.bytes.fill(static_cast<std::byte>(rng.next()));
  connections.push_back(std::move(made));

  // A client's link is up when the server has confirmed the handshake, so after the server's.
  post("to server", connection.number, [this, &connection] {
    if (connection.client.gone) return;  // cancelled on the way
    connection.server.open = true;
    post("to client", connection.number, [&connection] {
      if (connection.client.gone) return;
      connection.client.open = true;
      connection.client.daemon->with([&](Core& core, Now at, Effects& out) {
        core.on_link_opened(connection.client.link,
                            {connection.server.daemon->signing.own_key(), connection.server.daemon->at,
                             connection.exporter, connection.dial},
                            at, out);
      });
    });
    connection.server.daemon->with([&](Core& core, Now at, Effects& out) {
      core.on_link_opened(connection.server.link,
                          {connection.client.daemon->signing.own_key(), source_of(connection),
                           connection.exporter, std::nullopt},
                          at, out);
    });
  });
}

inline void World::cancel(Daemon& from, DialId dial) {
  for (auto& connection : connections) {
    if (connection->client.daemon != &from || connection->dial != dial) continue;
    EXPECT_FALSE(connection->client.open) << "a dial was cancelled that had been answered";
    close(from, CloseLink{connection->client.link, LinkCode::goodbye, "cancelled"});
  }
}

inline void World::send(Daemon& from, const SendToLink& message) {
  Connection::End* own = nullptr;
  Connection::End* peer = nullptr;
  Connection* connection = connection_of(from, message.link, &own, &peer);
  if (connection == nullptr) return;  // a test that plays the peer itself
  ASSERT_TRUE(own->open) << "a message on a link that is not open";
  if (own->gone) return;  // lost, and the core has not been told yet; closed by it, it does not send
  if (hushed.contains(&from) || hushed.contains(peer->daemon)) return;
  post(own == &connection->client ? "to server" : "to client", connection->number, [peer, message] {
    if (!peer->open || peer->gone) return;
    peer->daemon->with([&](Core& core, Now at, Effects& out) { core.on_link_message(peer->link, message.stream, message.message, at, out); });
  });
}

inline void World::close(Daemon& from, const CloseLink& closing) {
  Connection::End* own = nullptr;
  Connection::End* peer = nullptr;
  Connection* connection = connection_of(from, closing.link, &own, &peer);
  if (connection == nullptr) return;
  own->gone = true;
  post(own == &connection->client ? "to server" : "to client", connection->number, [peer, closing] {
    if (!peer->open || peer->gone) return;
    peer->gone = true;
    const LinkEnd why{.how = LinkEnd::How::closed_by_peer, .code = static_cast<std::uint64_t>(closing.code), .text = closing.text};
    peer->daemon->with([&](Core& core, Now at, Effects& out) { core.on_link_closed(peer->link, why, at, out); });
  });
}

}  // namespace bp2p::test
