// I10: every broadcast accepted from a live origin reaches every daemon that stays connected, once per subscriber, in
// the origin's order. A gap is passed over in the log, and only by who was cut off for longer than gossip keeps things.
#pragma once
#include <deque>
#include <map>
#include <set>

#include "proto/wire/term.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Broadcasts final : public Check {
 public:
  using Check::Check;

  void on_said(const Host& host, SessionId session, ByteView bytes, const Effects& effects) override {
    const auto frame = local::decode(bytes);
    if (!frame) return;
    if (const auto* request = std::get_if<local::Request>(&*frame)) {
      static const Bytes subscription = encode_term(Term::tuple(
          {Term::atom("subscribe"), Term::tuple({Term::atom("broadcast"), Term::binary(Node::tag)})}));
      if (std::ranges::equal(request->term, subscription) && is_granted(session, request->id, effects))
        subscribers_.emplace(std::pair{host.number, session}, Subscriber{host.start(), world_.queue.now(), {}});
    } else if (const auto* broadcast = std::get_if<local::Broadcast>(&*frame)) {
      if (!is_granted(session, broadcast->id, effects)) return;
      const Origin origin{host.number, host.start()};
      const std::uint64_t id = load_be<std::uint64_t>(broadcast->payload.data());
      const std::uint64_t number = ++accepted_by_[origin];
      said_.emplace(id, Said{origin, number});
      due_.push_back({world_.queue.now(), origin, number});
    }
  }

  void on_effect(const Host& host, const Effect& effect) override {
    if (const auto* event = std::get_if<Event>(&effect); event != nullptr && event->name == "gossip.gap") return on_gap(host, event->text);
    if (const auto* close = std::get_if<CloseSession>(&effect)) return void(subscribers_.erase({host.number, close->session}));
    const auto* send = std::get_if<SendToSession>(&effect);
    if (send == nullptr || send->frame.empty() || send->frame.front() != std::byte{12}) return;  // DELIVER
    const auto frame = local::decode(send->frame);
    const ByteView payload = std::get<local::Deliver>(*frame).payload;
    const auto said = said_.find(load_be<std::uint64_t>(payload.data()));
    const auto to = subscribers_.find({host.number, send->session});
    const std::string where = "a node of daemon " + std::to_string(host.number);
    if (said == said_.end()) return world_.violated("I10", where + " hears what nobody has said");
    if (to == subscribers_.end()) return world_.violated("I10", where + " hears what it has not subscribed to");
    const auto& [origin, number] = said->second;
    const std::string what = "broadcast " + std::to_string(number) + " of daemon " + std::to_string(origin.first);
    const auto last = to->second.heard.find(origin);
    if (last != to->second.heard.end()) {
      if (number == last->second) return world_.violated("I10", where + " hears " + what + " twice");
      if (number < last->second) return world_.violated("I10", where + " hears " + what + " after " + std::to_string(last->second));
      if (number > last->second + 1 && !gaps_.contains({host.number, origin.first}))
        return world_.violated("I10", where + " hears " + what + " after " + std::to_string(last->second) + ", and no gap is logged");
    }
    to->second.heard[origin] = number;
  }

  void on_host_gone(const Host& host) override {
    std::erase_if(subscribers_, [&](const auto& each) { return each.first.first == host.number; });
    std::erase_if(gaps_, [&](const auto& each) { return each.first == host.number; });
  }

  void on_state_lost(const Host& host) override {
    const SimSigning of{host.disk.key_seed};
    lost_keys_.emplace(host.number, of.show(of.own_key()));
  }

  void on_moment() override {
    history_.push_back(world_.sight.component);
    if (history_.size() > 400) history_.pop_front();
    for (const auto& host : world_.hosts) {
      if (std::chrono::abs(host->clock_offset()) >= limits::clock_tolerance) wrong_clock_[host->number] = world_.queue.now();
      if (host->is_up()) numbered_at_[{host->number, host->start()}].resize(host->core()->broadcasts().next_number(), world_.queue.now());
    }
    while (!due_.empty() && world_.queue.now() - due_.front().at > within) {
      for (const auto& [who, subscriber] : subscribers_)
        if (world_.host(who.first).node_of(who.second) != nullptr) look_at(who.first, subscriber, due_.front());
      due_.pop_front();
    }
  }

 private:
  static constexpr Duration within = 60s;
  /// Shorter than gossip keeps things by more than it takes to notice that one is back.
  static constexpr std::size_t short_cut = 15;
  using Origin = std::pair<std::size_t, unsigned>;  // number and start
  struct Said {
    Origin origin;
    std::uint64_t number;
  };
  struct Subscriber {
    unsigned start;
    TimePoint since;
    std::map<Origin, std::uint64_t> heard;  // the last number
  };
  struct Due {
    TimePoint at;
    Origin origin;
    std::uint64_t number;
  };

  static bool is_granted(SessionId session, std::uint32_t id, const Effects& effects) {
    for (const Effect& effect : effects) {
      const auto* send = std::get_if<SendToSession>(&effect);
      if (send == nullptr || send->session != session) continue;
      const auto frame = local::decode(send->frame);
      const auto* answer = frame ? std::get_if<local::Answer>(&*frame) : nullptr;
      if (answer != nullptr && answer->id == id) return decode_term(answer->term) == Term::atom("ok");
    }
    return false;
  }

  /// In how many of the seconds from `first` to `last` ago (the larger first) the two were not connected; all that is
  /// older than the history counts as if they were not.
  std::size_t seconds_apart(std::size_t a, std::size_t b, std::size_t first, std::size_t last) const {
    std::size_t apart = 0;
    for (std::size_t ago = last; ago <= first; ++ago) {
      if (ago >= history_.size()) {
        ++apart;
        continue;
      }
      const auto& then = history_[history_.size() - 1 - ago];
      apart += then[a] == 0 || then[a] != then[b] ? 1 : 0;
    }
    return apart;
  }

  void look_at(std::size_t number, const Subscriber& subscriber, const Due& due) {
    const Host& host = world_.host(number);
    const Host& origin = world_.host(due.origin.first);
    if (!host.is_up() || host.start() != subscriber.start || !origin.is_up() || origin.start() != due.origin.second) return;
    if (const auto heard = subscriber.heard.find(due.origin); heard != subscriber.heard.end() && heard->second >= due.number) return;
    if (subscriber.since > due.at - 1s) return;
    // An origin is known by its record, and one of a time that has not come is not believed.
    if (const auto wrong = wrong_clock_.find(number); wrong != wrong_clock_.end() && wrong->second > due.at - 1s) return;
    const std::size_t a = number, b = due.origin.first;
    const bool stayed = a == b || seconds_apart(a, b, 70, 0) == 0;
    const bool was_there = subscriber.since <= world_.queue.now() - 100s;  // the history is of its daemon since it was started
    const bool was_back = was_there && seconds_apart(a, b, 100, 80) == 0 && seconds_apart(a, b, 80, 0) <= short_cut && seconds_apart(a, b, 25, 0) == 0;
    if (stayed || was_back)
      world_.violated("I10", "broadcast " + std::to_string(due.number) + " of daemon " + std::to_string(b) + " has not reached a node of daemon " +
                                 std::to_string(a) + (stayed ? ", which was connected all the time" : ", which was cut off for a moment"));
  }

  void on_gap(const Host& host, const std::string& text) {
    for (const auto& each : world_.hosts) {
      const SimSigning of{each->disk.key_seed};
      const auto before = lost_keys_.equal_range(each->number);
      const bool is_of_before = std::any_of(before.first, before.second, [&](const auto& key) { return text.contains(key.second); });
      if (is_of_before) gaps_.insert({host.number, each->number});  // of a daemon that does not say anything any more
      if (!text.contains(of.show(of.own_key()))) continue;
      gaps_.insert({host.number, each->number});
      // Of an origin that says little it is noticed late.
      const auto& numbered_at = numbered_at_[{each->number, each->start()}];
      const std::uint64_t number = std::strtoull(text.c_str() + std::string_view{"broadcasts "}.size(), nullptr, 10);
      const TimePoint said_at = number < numbered_at.size() ? numbered_at[number] : world_.queue.now();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::max<Duration>(120s, world_.queue.now() - said_at + 20s));
      const std::size_t apart = seconds_apart(host.number, each->number, static_cast<std::size_t>(seconds.count()), 0);
      if (apart <= short_cut)
        return world_.violated("I10", "daemon " + std::to_string(host.number) + ", which was cut off from daemon " + std::to_string(each->number) +
                                          " for " + std::to_string(apart) + " s since it was said, or of the last two minutes: " + text);
    }
  }

  std::map<Origin, std::uint64_t> accepted_by_;
  std::map<std::uint64_t, Said> said_;
  std::map<std::size_t, TimePoint> wrong_clock_;  // a host's, when it was last seen to be
  std::map<Origin, std::vector<TimePoint>> numbered_at_;  // of gossip's number; [0] is not one
  std::map<std::pair<std::size_t, SessionId>, Subscriber> subscribers_;
  std::deque<Due> due_;
  std::set<std::pair<std::size_t, std::size_t>> gaps_;  // who, of whom
  std::multimap<std::size_t, std::string> lost_keys_;
  std::deque<std::vector<std::size_t>> history_;
};

}  // namespace bp2p::sim
