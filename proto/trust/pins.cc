#include "proto/trust/pins.h"

#include "proto/base/check.h"

namespace bp2p {

std::size_t NewPins::left(TimePoint now) {
  while (!pinned_at_.empty() && now - pinned_at_.front() >= std::chrono::hours{1}) pinned_at_.pop_front();
  return per_hour_ - pinned_at_.size();
}

void NewPins::count(std::size_t pins, TimePoint now) {
  BP2P_CHECK(pins <= left(now));  // decide_pins never gives out more
  pinned_at_.insert(pinned_at_.end(), pins, now);
}

std::expected<PinDecision, PinRefusal> decide_pins(Trust trust, const PublicKey& key, std::span<const NodeName> names,
                                                   std::span<const PinRead> reads, std::size_t new_pins_left) {
  BP2P_CHECK(names.size() == reads.size());
  using Why = PinRefusal::Why;
  PinDecision decision;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const PinRead& read = reads[i];
    if (!read) {
      const Why why = read.error() == PinError::missing_of_record ? Why::missing_of_record : Why::unreadable;
      return std::unexpected{PinRefusal{why, names[i], std::nullopt}};
    }
    const std::optional<PublicKey>& pinned = *read;
    if (pinned && *pinned != key) return std::unexpected{PinRefusal{Why::other_key, names[i], *pinned}};
    if (pinned) {
      decision.proven.push_back(names[i]);
    } else if (trust == Trust::tofu && decision.to_store.size() < new_pins_left) {
      decision.to_store.push_back(names[i]);
    } else {
      decision.unproven.push_back(names[i]);
    }
  }
  const bool knows_one = !decision.proven.empty() || !decision.to_store.empty();
  if (!knows_one && trust == Trust::strict) return std::unexpected{PinRefusal{Why::no_pin, std::nullopt, std::nullopt}};
  if (!knows_one && !names.empty()) return std::unexpected{PinRefusal{Why::too_many, std::nullopt, std::nullopt}};
  return decision;
}

}  // namespace bp2p
