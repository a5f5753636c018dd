// Many Plumtrees in one virtual time, by value. Links are reliable and ordered while they stand; when one breaks, what
// was on it is lost, and both ends learn it some time later. Everything is drawn from one seed.
//
// What is delivered is checked as it happens: once, in order, unaltered, no older epoch, gaps announced (I10), memory
// within its bounds. Who must have got what is checked at the end.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "proto/base/rng.h"
#include "proto/gossip/plumtree.h"
#include "tests/unit/proto/gossip/fakes.h"
#include "tests/unit/proto/gossip/graph.h"

namespace bp2p::gossip::test {

class World {
 public:
  World(std::size_t daemons, std::uint64_t seed, Config with = {}) : config(with), rng(seed), daemons_(daemons) {
    for (std::size_t i = 0; i < daemons; ++i) start(i, 1);
  }

  // --- the network
  struct End {
    std::size_t to;
    Duration delay;
    std::uint64_t rate = 0;  ///< bytes a second; 0: no limit
    bool stands = false;     ///< the link
    bool known = false;      ///< this end believes that it stands
    std::uint64_t session = 0;
    TimePoint last_arrival{}, busy_until{};
    std::size_t backlog = 0, since_report = 0;
  };
  End& end(std::size_t from, std::size_t to) {
    std::vector<End>& ends = daemons_[from].ends;
    const auto it = std::ranges::find(ends, to, &End::to);
    if (it != ends.end()) return *it;
    return ends.emplace_back(End{.to = to, .delay = {}});
  }
  /// When both ends know that an earlier link is gone, and both live; else nothing happens.
  bool connect(std::size_t a, std::size_t b, Duration delay) {
    if (!alive(a) || !alive(b) || end(a, b).known || end(b, a).known) return false;
    const std::uint64_t session = ++sessions_;
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      End& e = end(from, to);
      e = End{.to = to, .delay = delay, .rate = e.rate, .stands = true, .known = true, .session = session};
    }
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      daemons_[from].tree->on_peer_up(key_of(to), now, effects_);
      perform(from);
    }
    return true;
  }
  void cut(std::size_t a, std::size_t b, Duration noticed_within) {
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      End& e = end(from, to);
      if (!e.stands) continue;
      e.stands = false;
      const Duration after{static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(noticed_within.count()) + 1))};
      push_event({.at = now + after, .kind = Kind::down, .to = from, .from = to, .session = e.session});
    }
  }
  void kill(std::size_t daemon, Duration noticed_within) {
    Daemon& dead = daemons_[daemon];
    dead.tree.reset();
    ++dead.life;
    dead.armed = never;
    for (const End& e : std::vector<End>(dead.ends)) {
      if (e.stands) cut(daemon, e.to, noticed_within);
      end(daemon, e.to).known = false;
    }
  }
  void start(std::size_t daemon, std::uint64_t epoch) {
    Daemon& d = daemons_[daemon];
    d.id = {key_of(daemon), epoch};
    d.seen.clear();
    d.joined.reset();
    d.tree.emplace(config, d.id, Verify{is_genuine});
  }
  bool alive(std::size_t daemon) const { return daemons_[daemon].tree.has_value(); }
  std::size_t size() const { return daemons_.size(); }
  Plumtree& tree(std::size_t daemon) { return *daemons_[daemon].tree; }
  const OriginId& id(std::size_t daemon) const { return daemons_[daemon].id; }
  std::vector<std::size_t> peers(std::size_t daemon) const {
    std::vector<std::size_t> found;
    for (const End& e : daemons_[daemon].ends)
      if (e.stands) found.push_back(e.to);
    return found;
  }

  // --- time
  void at(TimePoint when, std::function<void()> what) {
    actions_.push_back(std::move(what));
    push_event({.at = when, .kind = Kind::action, .session = actions_.size() - 1});
  }
  void run_until(TimePoint until) {
    while (!events_.empty() && events_.front().at <= until) {
      std::ranges::pop_heap(events_, later);
      const Event event = events_.back();
      events_.pop_back();
      now = event.at;
      handle(event);
    }
    now = until;
  }
  void run_for(Duration duration) { run_until(now + duration); }

  // --- broadcasts
  struct Sent {
    OriginId origin;
    std::uint64_t number;
    TimePoint at;
  };
  /// False: not now.
  bool broadcast(std::size_t daemon, std::size_t bytes = 200) {
    Plumtree& tree = *daemons_[daemon].tree;
    const std::uint64_t number = tree.next_number();
    sent_at_[id(daemon)].push_back(now);
    if (tracked && tracked->origin == id(daemon) && tracked->number == number) hops_[daemon] = 0;
    const auto accepted = tree.broadcast(payload_of(id(daemon), number, bytes), now, effects_);
    if (accepted)
      sent.push_back({id(daemon), number, now});
    else
      sent_at_[id(daemon)].pop_back();
    perform(daemon);
    return accepted.has_value();
  }
  /// Of this one broadcast, hops are counted.
  void track(const OriginId& origin, std::uint64_t number) {
    tracked = Sent{origin, number, now};
    hops_.assign(size(), 0);
    last_hop = 0;
  }

  /// What did not reach somebody that it had to reach. `live`: of which origins.
  std::vector<std::string> missing() const {
    std::vector<std::string> found;
    for (const Sent& s : sent) {
      const Daemon& origin = daemons_[daemon_of(s.origin.key)];
      if (!origin.tree || origin.id != s.origin) continue;  // it died since
      for (std::size_t i = 0; i < size(); ++i) {
        const Daemon& d = daemons_[i];
        if (!d.tree || (d.id != s.origin && (!d.joined || *d.joined >= s.at))) continue;
        const auto it = d.seen.find(s.origin.key);
        const bool has = it != d.seen.end() && it->second.epoch == s.origin.epoch && it->second.begin <= s.number &&
                         it->second.last >= s.number;
        if (!has) found.push_back("daemon " + std::to_string(i) + " lacks " + name(s.origin, s.number));
      }
    }
    return found;
  }
  static std::string name(const OriginId& origin, std::uint64_t number) {
    return std::to_string(daemon_of(origin.key)) + "/" + std::to_string(origin.epoch) + "/" + std::to_string(number);
  }

  const Config config;
  TimePoint now{};
  Rng rng;
  std::vector<Sent> sent;
  std::vector<std::string> violations;
  std::vector<std::pair<std::size_t, Gap>> gaps;  // daemon, of what
  std::vector<std::string> reports;
  std::uint64_t trace = 0xcbf29ce484222325ULL;
  struct Traffic {
    std::uint64_t payloads = 0, announcing = 0, holdings = 0, grafts = 0, prunes = 0, bytes = 0, deliveries = 0;
  } traffic;
  std::optional<Sent> tracked;
  std::uint16_t last_hop = 0;
  std::vector<std::uint32_t>* latencies_us = nullptr;
  std::uint64_t events = 0, may_broadcast = 0;
  bool check_memory = true;

 private:
  struct Seen {
    std::uint64_t epoch, begin, last;
  };
  struct Daemon {
    std::optional<Plumtree> tree;
    OriginId id;
    std::vector<End> ends;
    std::map<PublicKey, Seen> seen;
    std::optional<TimePoint> joined;  ///< the first Summary came, in this life
    TimePoint armed = never;
    std::uint64_t life = 0;
  };
  enum class Kind : std::uint8_t { message, down, timer, drained, action };
  struct Event {
    TimePoint at;
    std::uint64_t order = 0;
    Kind kind;
    std::size_t to = 0, from = 0;
    std::uint64_t session = 0;  ///< of the link; life, for timers; index, for actions
    std::size_t slot = 0;       ///< of the message; bytes, for drained
    std::uint16_t hops = 0;
  };
  // No function: one would be called through a pointer, millions of times.
  static constexpr auto later = [](const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; };

  void push_event(Event event) {
    event.order = ++order_;
    events_.push_back(event);
    std::ranges::push_heap(events_, later);
  }

  void handle(const Event& event) {
    ++events;
    Daemon* d = event.kind == Kind::action ? nullptr : &daemons_[event.to];
    switch (event.kind) {
      case Kind::action: return actions_[event.session]();
      case Kind::down: {
        End& e = end(event.to, event.from);
        if (e.session != event.session || !e.known) return;
        e.known = false;
        if (!d->tree) return;
        d->tree->on_peer_down(key_of(event.from), now, effects_);
        break;
      }
      case Kind::timer:
        if (!d->tree || d->life != event.session || d->armed != event.at) return;
        d->armed = never;
        d->tree->on_time(now, effects_);
        break;
      case Kind::drained: {
        End& e = end(event.to, event.from);
        if (!d->tree || e.session != event.session || !e.stands) return;
        e.backlog -= event.slot;
        d->tree->on_backlog(key_of(event.from), e.backlog, now, effects_);
        break;
      }
      case Kind::message: {
        const Message message = std::exchange(messages_[event.slot], Prune{});
        free_.push_back(event.slot);
        const End& e = end(event.to, event.from);
        if (!d->tree || !e.stands || e.session != event.session) return;
        if (!d->joined && std::holds_alternative<Summary>(message)) d->joined = now;
        if (const auto* gossip = std::get_if<Gossip>(&message);
            gossip != nullptr && tracked && gossip->number == tracked->number && gossip->origin == tracked->origin &&
            hops_[event.to] == 0 && event.to != daemon_of(tracked->origin.key))
          last_hop = std::max(last_hop, hops_[event.to] = event.hops);
        d->tree->on_message(key_of(event.from), message, now, effects_);
        break;
      }
    }
    perform(event.to);
  }

  void perform(std::size_t daemon) {
    Daemon& d = daemons_[daemon];
    // on_backlog below may add effects: by index.
    for (std::size_t i = 0; i < effects_.size(); ++i) {
      Effect effect = std::move(effects_[i]);
      std::visit([&](auto& e) { on(daemon, e); }, effect);
    }
    effects_.clear();
    if (const TimePoint next = d.tree->next_deadline(); next < d.armed) {
      d.armed = std::max(next, now);
      push_event({.at = d.armed, .kind = Kind::timer, .to = daemon, .session = d.life});
    }
    if (check_memory) {
      const Usage usage = d.tree->usage();
      if (usage.kept_bytes > config.kept_bytes_max || usage.kept_bytes_of_one > config.window_bytes ||
          usage.origins > config.origins_max || usage.gone > config.gone_max)
        violations.push_back("daemon " + std::to_string(daemon) + " keeps too much");
    }
  }

  void on(std::size_t, Ahead&) {}
  void on(std::size_t daemon, Send& send) {
    const std::size_t to = daemon_of(send.to);
    mix(daemon * 1'000'003 + to * 31 + send.message.index());
    const std::size_t bytes = size_of(send.message);
    count(send.message, bytes);
    End& e = end(daemon, to);
    if (!e.stands) return;
    std::uint16_t hops = 0;
    if (const auto* gossip = std::get_if<Gossip>(&send.message);
        gossip != nullptr && tracked && gossip->number == tracked->number && gossip->origin == tracked->origin)
      hops = static_cast<std::uint16_t>(hops_[daemon] + 1);
    TimePoint leaves = now;
    if (e.rate > 0) {
      leaves = std::max(now, e.busy_until) + Duration{static_cast<Duration::rep>(bytes * 1'000'000'000 / e.rate)};
      e.busy_until = leaves;
      e.backlog += bytes;
      push_event({.at = leaves, .kind = Kind::drained, .to = daemon, .from = to, .session = e.session, .slot = bytes});
    } else if ((e.since_report += bytes) > config.backlog_bytes_max / 4) {
      e.since_report = 0;
      daemons_[daemon].tree->on_backlog(send.to, 0, now, effects_);
    }
    e.last_arrival = std::max(e.last_arrival, leaves + e.delay);
    std::size_t slot = messages_.size();
    if (free_.empty()) {
      messages_.push_back(std::move(send.message));
    } else {
      slot = free_.back();
      free_.pop_back();
      messages_[slot] = std::move(send.message);
    }
    push_event({.at = e.last_arrival, .kind = Kind::message, .to = to, .from = daemon, .session = e.session,
                .slot = slot, .hops = hops});
  }
  void on(std::size_t daemon, Deliver& deliver) {
    ++traffic.deliveries;
    mix(deliver.number);
    const auto what = [&] { return "daemon " + std::to_string(daemon) + " was given " + name(deliver.origin, deliver.number); };
    if (!is_genuine(deliver.origin, deliver.number, *deliver.payload)) violations.push_back(what() + ", altered");
    const auto [it, first] = daemons_[daemon].seen.try_emplace(deliver.origin.key,
                                                               Seen{deliver.origin.epoch, deliver.number, deliver.number});
    Seen& seen = it->second;
    if (!first && seen.epoch != deliver.origin.epoch) {
      if (seen.epoch > deliver.origin.epoch) violations.push_back(what() + " after " + std::to_string(seen.epoch));
      seen = {deliver.origin.epoch, deliver.number, deliver.number};
    } else if (!first) {
      if (deliver.number != seen.last + 1) violations.push_back(what() + " after " + std::to_string(seen.last));
      seen.last = deliver.number;
    }
    if (latencies_us != nullptr && daemon != daemon_of(deliver.origin.key))
      latencies_us->push_back(static_cast<std::uint32_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now - sent_at_[deliver.origin][deliver.number - 1])
              .count()));
  }
  void on(std::size_t daemon, Gap& gap) {
    gaps.push_back({daemon, gap});
    Seen& seen = daemons_[daemon].seen[gap.origin.key];
    if (seen.epoch == gap.origin.epoch && seen.last + 1 != gap.from) violations.push_back("daemon " + std::to_string(daemon) + ": a gap out of order");
    seen = {gap.origin.epoch, gap.to + 1, gap.to};  // what is before its begin is not counted as delivered
  }
  void on(std::size_t, MayBroadcast&) { ++may_broadcast; }
  void on(std::size_t daemon, Misbehaved& m) {
    reports.push_back("daemon " + std::to_string(daemon) + " about " + std::to_string(daemon_of(m.key)) + ": " +
                      std::string{describe(m.what)});
  }

  void count(const Message& message, std::size_t bytes) {
    traffic.bytes += bytes;
    if (std::holds_alternative<Gossip>(message)) ++traffic.payloads;
    if (std::holds_alternative<Graft>(message)) ++traffic.grafts;
    if (std::holds_alternative<Prune>(message)) ++traffic.prunes;
    if (const auto* ihave = std::get_if<IHave>(&message)) {
      ++traffic.announcing;
      traffic.holdings += ihave->holdings.size();
    }
  }
  void mix(std::uint64_t value) {
    trace = (trace ^ (value + static_cast<std::uint64_t>(now.time_since_epoch().count()))) * 0x100000001b3ULL;
  }

  std::vector<Daemon> daemons_;
  std::vector<Event> events_;  // a heap
  std::deque<std::function<void()>> actions_;
  std::vector<Message> messages_;
  std::vector<std::size_t> free_;
  Effects effects_;
  std::uint64_t order_ = 0, sessions_ = 0;
  std::map<OriginId, std::vector<TimePoint>> sent_at_;
  std::vector<std::uint16_t> hops_;
};

/// Connects the daemons of a graph, each link with a delay between the two.
inline void connect_all(World& world, const std::set<Edge>& edges, Duration least, Duration most) {
  for (const auto& [a, b] : edges) {
    const auto span = static_cast<std::uint64_t>((most - least).count());
    world.connect(a, b, least + Duration{static_cast<Duration::rep>(span == 0 ? 0 : world.rng.below(span))});
  }
}

}  // namespace bp2p::gossip::test
