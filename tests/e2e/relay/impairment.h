// What a bad line does to the frames that cross it in one direction: it loses, repeats, delays, reorders
// and throttles them. No I/O and no clock of its own, and every choice comes from a seeded generator, so the
// n-th frame of a direction meets the same fate in every run with the same seed and settings.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace e2e {

using Clock = std::chrono::steady_clock;
using Frame = std::vector<std::uint8_t>;

struct Settings {
  double loss = 0;       ///< percent of frames that vanish
  double duplicate = 0;  ///< percent that arrive twice
  double reorder = 0;    ///< percent that are held back for `reorder_by`
  std::chrono::microseconds reorder_by{5000};
  std::size_t reorder_below = 0;  ///< only frames of fewer bytes than this are reordered; 0: all
  std::chrono::microseconds delay{0};
  double rate = 0;           ///< Mbit/s, 0: as fast as it goes
  std::size_t queue = 2000;  ///< frames under way; a frame that finds the queue full is lost
  bool cut = false;          ///< nothing passes, not even address resolution
};

struct Counters {
  std::uint64_t passed = 0, lost = 0, duplicated = 0, reordered = 0, overflowed = 0, cut = 0;
};

class Impairment {
 public:
  explicit Impairment(std::uint64_t seed) : random_(seed) {}

  /// Takes one setting, `name value`. False: no such setting, or the value is not a number.
  bool set(const std::string& name, const std::string& value);

  /// A frame has come in. `is_payload` is false for address resolution, which is only delayed or cut: losing it
  /// costs a second each time and says nothing about the transport under test.
  void take(Frame frame, bool is_payload, Clock::time_point now);

  /// The next frame whose time has come.
  std::optional<Frame> next_due(Clock::time_point now);
  std::optional<Clock::time_point> next_deadline() const;

  const Counters& counters() const { return counters_; }

 private:
  struct Held {
    Clock::time_point due;
    std::uint64_t number;
    Frame frame;
    bool operator<(const Held& other) const {  // std::priority_queue gives the greatest first
      return due != other.due ? due > other.due : number > other.number;
    }
  };

  bool draw(double percent);
  void hold(Frame frame, Clock::time_point due);

  Settings settings_;
  Counters counters_;
  std::mt19937_64 random_;
  std::priority_queue<Held> held_;
  std::uint64_t number_ = 0;
  Clock::time_point line_free_{};
};

}  // namespace e2e
