// Everything in the core that happens at a time: one entry per thing that waits, the earliest in front.
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "proto/base/now.h"

namespace bp2p {

class Deadlines {
 public:
  enum class Of : std::uint8_t { session, incoming, hello, redial, own_record, pins, reach, join, overlay, life, gossip, sweep, reaping, crawl };
  struct Key {
    Of of;
    std::uint64_t id;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  /// Replaces what was set for `key`; `never` clears it.
  void set(Key key, TimePoint when) {
    clear(key);
    if (when == never) return;
    by_key_.emplace(key, when);
    by_time_.emplace(when, key);
  }
  /// Leaves one that is set.
  void set_if_none(Key key, TimePoint when) {
    if (!by_key_.contains(key)) set(key, when);
  }
  void clear(Key key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    by_time_.erase({found->second, key});
    by_key_.erase(found);
  }
  TimePoint next() const { return by_time_.empty() ? never : by_time_.begin()->first; }
  /// Takes out the earliest that is due.
  std::optional<Key> pop_due(TimePoint now) {
    if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
    const Key key = by_time_.begin()->second;
    clear(key);
    return key;
  }

 private:
  std::map<Key, TimePoint> by_key_;
  std::set<std::pair<TimePoint, Key>> by_time_;
};

}  // namespace bp2p
