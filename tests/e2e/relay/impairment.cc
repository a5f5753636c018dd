#include "impairment.h"

#include <charconv>
#include <utility>

namespace e2e {

bool Impairment::set(const std::string& name, const std::string& value) {
  double number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc{} || stop != end) return false;
  if (number < 0) return false;
  const auto milliseconds = [&] { return std::chrono::microseconds{static_cast<std::int64_t>(number * 1000)}; };
  if (name == "loss") settings_.loss = number;
  else if (name == "duplicate") settings_.duplicate = number;
  else if (name == "reorder") settings_.reorder = number;
  else if (name == "reorder_by_ms") settings_.reorder_by = milliseconds();
  else if (name == "reorder_below") settings_.reorder_below = static_cast<std::size_t>(number);
  else if (name == "delay_ms") settings_.delay = milliseconds();
  else if (name == "rate_mbit") settings_.rate = number;
  else if (name == "queue") settings_.queue = static_cast<std::size_t>(number);
  else if (name == "cut") settings_.cut = number != 0;
  else return false;
  return true;
}

bool Impairment::draw(double percent) {
  // 53 bits of the generator, not std::uniform_real_distribution: that one differs between libraries.
  const double point = static_cast<double>(random_() >> 11) * 0x1.0p-53 * 100.0;
  return point < percent;
}

void Impairment::hold(Frame frame, Clock::time_point due) {
  if (held_.size() >= settings_.queue) {
    ++counters_.overflowed;
    return;
  }
  held_.push({due, number_++, std::move(frame)});
}

void Impairment::take(Frame frame, bool is_payload, Clock::time_point now) {
  if (settings_.cut) {
    ++counters_.cut;
    return;
  }
  Clock::time_point due = now + settings_.delay;
  if (settings_.rate > 0) {
    const double bits = static_cast<double>(frame.size()) * 8;
    line_free_ = std::max(line_free_, now) +
                 std::chrono::nanoseconds{static_cast<std::int64_t>(bits * 1000 / settings_.rate)};
    due = std::max(due, line_free_ + settings_.delay);
  }
  if (!is_payload) return hold(std::move(frame), due);

  // All three are drawn for every frame, so that changing one setting does not shift the others' choices.
  const bool lost = draw(settings_.loss);
  const bool duplicated = draw(settings_.duplicate);
  const bool may_reorder = settings_.reorder_below == 0 || frame.size() < settings_.reorder_below;
  const bool reordered = draw(settings_.reorder) && may_reorder;
  if (lost) {
    ++counters_.lost;
    return;
  }
  if (reordered) {
    ++counters_.reordered;
    due += settings_.reorder_by;
  }
  if (duplicated) {
    ++counters_.duplicated;
    hold(frame, due);
  }
  hold(std::move(frame), due);
}

std::optional<Frame> Impairment::next_due(Clock::time_point now) {
  if (held_.empty() || held_.top().due > now) return std::nullopt;
  Frame frame = std::move(const_cast<Held&>(held_.top()).frame);  // the order does not look at the frame
  held_.pop();
  ++counters_.passed;
  return frame;
}

std::optional<Clock::time_point> Impairment::next_deadline() const {
  if (held_.empty()) return std::nullopt;
  return held_.top().due;
}

}  // namespace e2e
