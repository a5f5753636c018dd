// Many HyParViews in virtual time, messages by value: joins, rounds, deaths, splits. Deterministic by its seed.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <queue>
#include <variant>
#include <vector>

#include "proto/base/rng.h"
#include "proto/membership/hyparview.h"

namespace bp2p::membership {

using namespace std::chrono_literals;
using Index = std::uint32_t;

/// Daemon `index`: its key begins with a mix of the index and carries it, its IPv4 address is in a /24 of its own.
inline ContactPtr make_contact(Index index, std::uint64_t epoch = 1, std::uint64_t number = 1) {
  // What a daemon with one node and one address has, in bytes.
  static const auto record = std::make_shared<const Bytes>(200);
  auto contact = std::make_shared<Contact>();
  contact->record = record;
  contact->epoch = epoch;
  contact->number = number;
  const std::uint64_t tag = Rng{index}.next();
  std::memcpy(contact->key.bytes.data(), &tag, sizeof tag);
  std::memcpy(contact->key.bytes.data() + 8, &index, sizeof index);
  Address address;
  address.ip[10] = address.ip[11] = std::byte{0xff};
  for (int i = 0; i < 3; ++i) address.ip[static_cast<std::size_t>(12 + i)] = static_cast<std::byte>(index >> (16 - 8 * i));
  address.ip[15] = std::byte{1};
  address.port = 9100;
  contact->addresses.push_back(address);
  return contact;
}
inline Index index_of(const PublicKey& key) {
  Index index = 0;
  std::memcpy(&index, key.bytes.data() + 8, sizeof index);
  return index;
}

class World {
 public:
  explicit World(std::uint64_t seed, const Config& settings = {}) : config(settings), rng(seed) {}

  Config config;
  Rng rng;
  TimePoint now{};
  /// How long a dial to a dead daemon takes to fail, and to one behind a cut.
  Duration refused_after = 20ms, cut_after = 3s;
  /// How many bytes a message has, if somebody asks; it takes time.
  std::size_t (*measure)(const Message&) = nullptr;
  std::uint64_t messages = 0, bytes = 0, events = 0, trace = 0xcbf29ce484222325ULL;

  Index add(AddressBook book) {
    const auto index = static_cast<Index>(daemons_.size());
    contacts_.push_back(make_contact(index));
    daemons_.push_back(std::make_unique<HyParView>(config, contacts_[index], std::move(book), rng.split(), now));
    alive_.push_back(true);
    side_.push_back(0);
    armed_.push_back(never);
    contact_of_.push_back(index);
    arm(index);
    return index;
  }
  Index add() { return add(AddressBook{config.book_size, config.lost_kept}); }
  void join(Index who, Index contact) {
    contact_of_[who] = contact;
    daemons_[who]->join(contacts_[contact], now, effects_);
    perform(who);
  }
  /// `count` daemons, each joining through a random earlier one, `gap` apart.
  void grow(std::size_t count, Duration gap) {
    while (daemons_.size() < count) {
      const Index who = add();
      if (who > 0) join(who, static_cast<Index>(rng.below(who)));
      run_for(gap);
    }
  }
  /// What the core does with contact_nodes: those that are alone join again.
  void rejoin_alone() {
    for (Index i = 0; i < size(); ++i)
      if (alive_[i] && daemons_[i]->is_alone() && contact_of_[i] != i) join(i, contact_of_[i]);
  }
  /// It stays to answer those that do not know yet.
  void leave(Index who) {
    daemons_[who]->leave(now, effects_);
    perform(who);
  }
  /// Links of the dead close at once, as a reset would do; those to the other side of a cut after cut_after.
  void kill(Index who) {
    alive_[who] = false;
    for (const Index each : neighbours(who)) push(now + refused_after, each, who, closed);
  }
  /// Comes back with a new epoch, with or without what it had on disk.
  void restart(Index who, AddressBook book) {
    contacts_[who] = make_contact(who, contacts_[who]->epoch + 1);
    daemons_[who] = std::make_unique<HyParView>(config, contacts_[who], std::move(book), rng.split(), now);
    alive_[who] = true;
    armed_[who] = never;
    arm(who);
  }
  void set_side(Index who, std::uint8_t side) { side_[who] = side; }
  /// After the sides have been set: links across close.
  void cut_links() {
    for (Index i = 0; i < size(); ++i)
      for (const Neighbour& each : daemons_[i]->view().active())
        if (!reaches(i, index_of(each.contact->key))) push(now + cut_after, i, index_of(each.contact->key), closed);
  }
  void heal() { std::ranges::fill(side_, std::uint8_t{0}); }

  /// A message that a test makes up.
  void inject(Index from, Index to, Message message) { push(now + latency(from, to), to, from, store(std::move(message))); }

  void run_for(Duration duration) {
    const TimePoint end = now + duration;
    while (!queue_.empty() && queue_.top().at <= end) {
      const Pending event = queue_.top();
      queue_.pop();
      now = event.at;
      ++events;
      handle(event);
    }
    now = end;
  }

  std::size_t size() const { return daemons_.size(); }
  bool is_alive(Index i) const { return alive_[i]; }
  const ContactPtr& contact(Index i) const { return contacts_[i]; }
  const HyParView& at(Index i) const { return *daemons_[i]; }
  bool reaches(Index a, Index b) const { return alive_[a] && alive_[b] && side_[a] == side_[b]; }
  std::vector<Index> neighbours(Index i) const {
    std::vector<Index> found;
    for (const Neighbour& each : at(i).view().active()) found.push_back(index_of(each.contact->key));
    return found;
  }

 private:
  static constexpr std::uint32_t timer = ~0u, closed = ~1u, unreachable = ~2u;
  struct Pending {
    TimePoint at;
    std::uint64_t sequence;
    Index to, from;
    std::uint32_t what;  ///< a slot of messages_, or one of the above
    bool operator<(const Pending& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };

  /// 1 to 50 ms, of a pair always the same: messages stay in order, as on a stream.
  Duration latency(Index a, Index b) const {
    const std::uint64_t pair = (std::uint64_t{a} << 32) | b;
    return 1ms + Duration{static_cast<Duration::rep>(Rng{pair}.below(49'000'000))};
  }
  void push(TimePoint at, Index to, Index from, std::uint32_t what) { queue_.push({at, sequence_++, to, from, what}); }
  std::uint32_t store(Message message) {
    if (free_.empty()) {
      messages_.push_back(std::move(message));
      return static_cast<std::uint32_t>(messages_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    messages_[slot] = std::move(message);
    return slot;
  }
  void arm(Index i) {
    const TimePoint next = daemons_[i]->next_deadline();
    if (next >= armed_[i]) return;
    armed_[i] = next;
    push(std::max(next, now), i, i, timer);
  }
  void mix(std::uint64_t value) {
    trace = (trace ^ value ^ static_cast<std::uint64_t>(now.time_since_epoch().count())) * 0x100000001b3ULL;
  }
  void perform(Index i) {
    for (Effect& effect : effects_) {
      if (auto* send = std::get_if<Send>(&effect)) {
        ++messages;
        if (measure) bytes += measure(send->message);
        const Index to = index_of(send->to->key);
        mix(to * 16 + send->message.index());
        if (to >= size() || !alive_[to]) push(now + refused_after, i, to, unreachable);
        else if (side_[i] != side_[to]) push(now + cut_after, i, to, unreachable);
        else push(now + latency(i, to), to, i, store(std::move(send->message)));
      }
    }
    effects_.clear();
    arm(i);
  }
  void handle(const Pending& event) {
    HyParView& daemon = *daemons_[event.to];
    if (event.what == timer) {
      if (armed_[event.to] == event.at || armed_[event.to] < now) armed_[event.to] = never;
      if (!alive_[event.to]) return;
      if (daemon.next_deadline() <= now) daemon.on_time(now, effects_);
      return perform(event.to);
    }
    if (event.what == closed || event.what == unreachable) {
      if (!alive_[event.to]) return;
      const PublicKey peer = make_contact(event.from)->key;
      if (event.what == closed) daemon.on_link_closed(peer, now, effects_);
      else daemon.on_unreachable(peer, now, effects_);
      return perform(event.to);
    }
    if (reaches(event.from, event.to)) {
      const ContactPtr& from = contacts_[event.from];
      const Message message = std::move(messages_[event.what]);  // what it causes may grow messages_
      daemon.on_message(from, from->addresses.front(), message, now, effects_);
      perform(event.to);
    }
    messages_[event.what] = Message{};
    free_.push_back(event.what);
  }

  std::vector<std::unique_ptr<HyParView>> daemons_;
  std::vector<ContactPtr> contacts_;
  std::vector<bool> alive_;
  std::vector<std::uint8_t> side_;
  std::vector<TimePoint> armed_;
  std::vector<Index> contact_of_;
  std::priority_queue<Pending> queue_;
  std::vector<Message> messages_;
  std::vector<std::uint32_t> free_;
  Effects effects_;
  std::uint64_t sequence_ = 0;
};

}  // namespace bp2p::membership
