// What happened: its hash always; as text only when a person will read it, for text costs more than the run itself.
// A failed run is run again, for its last lines.
#pragma once
#include <cstdio>
#include <deque>
#include <optional>
#include <string>

#include "tests/sim/digest.h"
#include "tests/sim/event_queue.h"

namespace bp2p::sim {

class Trace {
 public:
  enum class Keep : unsigned char { hash_only, last_lines, print };
  Trace(const EventQueue& queue, Keep keep, std::optional<std::size_t> only_daemon)
      : queue_(queue), keep_(keep), only_(only_daemon) {}

  /// `daemon` 0: the world's own. `text` is called when somebody reads.
  template <class Text>
  void line(std::size_t daemon, const Digest& what, Text&& text) {
    hash_.add(static_cast<std::uint64_t>(queue_.elapsed().count())).add(daemon).add(what.value());
    if (keep_ == Keep::hash_only || (only_ && *only_ != daemon && daemon != 0)) return;
    char head[48];
    std::snprintf(head, sizeof head, "%12.6fs %6s  ", std::chrono::duration<double>(queue_.elapsed()).count(),
                  daemon == 0 ? "world" : ("d" + std::to_string(daemon)).c_str());
    std::string whole = head + text();
    if (keep_ == Keep::print) {
      std::puts(whole.c_str());
      return;
    }
    lines_.push_back(std::move(whole));
    if (lines_.size() > lines_max) lines_.pop_front();
  }
  void say(const std::string& text) {
    line(0, Digest{}.add(text), [&] { return text; });
  }
  std::uint64_t hash() const { return hash_.value(); }
  const std::deque<std::string>& last_lines() const { return lines_; }

 private:
  static constexpr std::size_t lines_max = 60;
  const EventQueue& queue_;
  Keep keep_;
  std::optional<std::size_t> only_;
  Digest hash_;
  std::deque<std::string> lines_;
};

}  // namespace bp2p::sim
