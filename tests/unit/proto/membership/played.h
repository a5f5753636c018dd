// One daemon under test and the contacts it is told about: inputs in, effects looked at.
#pragma once
#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "tests/unit/proto/membership/world.h"

namespace bp2p::membership {

/// Daemon 0. Others are made from their index and speak when told to.
struct Played {
  explicit Played(Config c = {}) : config(c), self(config, make_contact(0), AddressBook{config.book_size, config.lost_kept}, Rng{7}, now) {}

  void hears(const ContactPtr& from, Message message) { hears(from, from->addresses[0], std::move(message)); }
  void hears(const ContactPtr& from, const Address& address, Message message) {
    out.clear();
    self.on_message(from, address, message, now, out);
  }
  void hears(Index from, Message message) { hears(make_contact(from), std::move(message)); }
  void waits(Duration duration) {
    const TimePoint end = now + duration;
    out.clear();
    while (self.next_deadline() <= end) {
      now = std::max(now, self.next_deadline());
      self.on_time(now, out);
    }
    now = end;
  }
  /// Neighbours 1 to `count`, all inbound.
  void has_neighbours(Index count) {
    for (Index i = 1; i <= count; ++i) hears(i, Neighbor{Priority::low});
    out.clear();
  }

  bool is_active(Index i) { return self.view().is_active(make_contact(i)->key); }
  bool is_passive(Index i) {
    return std::ranges::any_of(self.view().passive(), [&](const Spare& each) { return index_of(each.contact->key) == i; });
  }
  /// The messages of a kind in `out`, with whom they go to.
  template <class T>
  std::vector<std::pair<Index, T>> sent() const {
    std::vector<std::pair<Index, T>> found;
    for (const Effect& effect : out)
      if (const auto* send = std::get_if<Send>(&effect))
        if (const auto* message = std::get_if<T>(&send->message)) found.emplace_back(index_of(send->to->key), *message);
    return found;
  }
  template <class T>
  std::optional<T> sent_to(Index to) const {
    for (auto& [peer, message] : sent<T>())
      if (peer == to) return message;
    return std::nullopt;
  }
  std::optional<DownReason> went(Index peer) const {
    for (const Effect& effect : out)
      if (const auto* down = std::get_if<PeerDown>(&effect); down && index_of(down->peer) == peer) return down->reason;
    return std::nullopt;
  }

  Config config;
  TimePoint now{1h};
  HyParView self;
  Effects out;
};

inline Config quiet() {
  Config config;
  config.swaps_per_thousand_rounds = 0;
  return config;
}

}  // namespace bp2p::membership
