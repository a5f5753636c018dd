// Virtual time: what happens, ordered by (time, sequence), and nothing else. Two events of one moment happen in the
// order in which they were asked for.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "proto/base/now.h"

namespace bp2p::sim {

using namespace std::chrono_literals;

inline constexpr TimePoint start_of_time{1000s};

class EventQueue {
 public:
  using Event = std::function<void()>;

  TimePoint now() const { return now_; }
  Duration elapsed() const { return now_ - start_of_time; }
  /// A time that is over means now.
  void at(TimePoint when, Event event) {
    entries_.push_back({std::max(when, now_), ++sequence_, std::move(event)});
    std::push_heap(entries_.begin(), entries_.end(), is_later);
  }
  void after(Duration span, Event event) { at(now_ + span, std::move(event)); }
  /// False when nothing is left to happen before `end`; then it is `end`.
  bool run_next(TimePoint end) {
    if (entries_.empty() || entries_.front().when > end) {
      now_ = std::max(now_, end);
      return false;
    }
    std::pop_heap(entries_.begin(), entries_.end(), is_later);
    Entry next = std::move(entries_.back());
    entries_.pop_back();
    now_ = next.when;
    next.event();
    return true;
  }
  std::uint64_t events_so_far() const { return sequence_; }

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t sequence;
    Event event;
  };
  static bool is_later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
  }
  std::vector<Entry> entries_;
  TimePoint now_ = start_of_time;
  std::uint64_t sequence_ = 0;
};

}  // namespace bp2p::sim
