// Which way packets may go, and how long they take: cuts of one direction, partitions, delay, jitter, loss.
#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "proto/base/rng.h"
#include "tests/sim/event_queue.h"

namespace bp2p::sim {

class Paths {
 public:
  /// A daemon of this group reaches every group.
  static constexpr std::uint8_t bridge = 255;
  using Groups = std::vector<std::uint8_t>;  ///< by number of the daemon; who is not in it is in group 0

  bool is_open(std::size_t from, std::size_t to) const {
    if (!cuts_.empty() && cuts_.contains({from, to})) return false;
    for (const auto& [id, groups] : partitions_) {
      const std::uint8_t a = group(groups, from), b = group(groups, to);
      if (a != b && a != bridge && b != bridge) return false;
    }
    return true;
  }
  void cut(std::size_t from, std::size_t to) {
    ++changes_;
    ++cuts_[{from, to}];
  }
  void mend(std::size_t from, std::size_t to) {
    ++changes_;
    const auto found = cuts_.find({from, to});
    if (found != cuts_.end() && --found->second == 0) cuts_.erase(found);
  }
  std::uint64_t divide(Groups groups) {
    ++changes_;
    partitions_.emplace(++last_, std::move(groups));
    return last_;
  }
  void unite(std::uint64_t partition) {
    ++changes_;
    partitions_.erase(partition);
  }
  std::uint64_t changes() const { return changes_; }
  void heal_all() {
    ++changes_;
    cuts_.clear();
    partitions_.clear();
    weather = Weather{};
  }

  /// Of all paths alike.
  struct Weather {
    Duration delay = 1ms;        ///< besides the pair's own distance
    Duration jitter = 2ms;
    std::uint64_t loss_percent = 0;  ///< a lost packet comes after a probe time-out
  } weather;

  /// A message that is lost again and again may take so long, and what was said after it waits behind it.
  Duration stands_still_for() const { return weather.loss_percent > 0 ? 20s : 0s; }

  /// One way, of one message.
  Duration draw(std::size_t from, std::size_t to, Rng& rng) const {
    Rng pair{std::min(from, to) * 1'000'003 + std::max(from, to)};
    Duration span = weather.delay + Duration{static_cast<Duration::rep>(pair.below(20'000'000))};
    span += Duration{static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(weather.jitter.count()) + 1))};
    // RFC 9002: a probe after about three trips, then after twice as long each time.
    for (Duration probe = 3 * span + 20ms; weather.loss_percent > 0 && rng.below(100) < weather.loss_percent && span < 10s; probe *= 2) span += probe;
    return span;
  }

 private:
  static std::uint8_t group(const Groups& groups, std::size_t number) { return number < groups.size() ? groups[number] : 0; }

  std::map<std::pair<std::size_t, std::size_t>, unsigned> cuts_;
  std::map<std::uint64_t, Groups> partitions_;
  std::uint64_t last_ = 0, changes_ = 0;
};

}  // namespace bp2p::sim
