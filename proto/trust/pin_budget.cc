#include "proto/trust/pin_budget.h"

#include <algorithm>

#include "proto/base/check.h"

namespace bp2p {
namespace {

std::size_t minus(std::size_t bound, std::size_t used) { return bound - std::min(bound, used); }

}  // namespace

std::string describe(PinLimit limit, const PinLimits& limits) {
  switch (limit) {
    case PinLimit::first_contacts_per_hour:
      return std::to_string(limits.first_contacts_per_hour) + " first contacts an hour";
    case PinLimit::further_names_per_hour_of_key:
      return std::to_string(limits.further_names_per_hour_of_key) + " further names of one key an hour";
    case PinLimit::further_names_per_hour:
      return std::to_string(limits.further_names_per_hour) + " further names of all keys an hour";
    case PinLimit::pins_of_key: return std::to_string(limits.pins_of_key) + " pins of one key";
    case PinLimit::pins: return std::to_string(limits.pins) + " pins";
    case PinLimit::pins_for_further_names:
      return std::to_string(minus(limits.pins, limits.pins_kept_for_first_contacts)) + " pins (" +
             std::to_string(limits.pins_kept_for_first_contacts) + " more are kept for first contacts)";
  }
  return "";
}

std::optional<PinLimit> PinRoom::take(PinKind kind) {
  if (files == 0) return PinLimit::pins;
  if (files_of_key == 0) return PinLimit::pins_of_key;
  if (kind == PinKind::first_contact) {
    if (first_contacts == 0) return PinLimit::first_contacts_per_hour;
    --first_contacts;
  } else {
    if (files_for_further_names == 0) return PinLimit::pins_for_further_names;
    if (further_names_of_key == 0) return PinLimit::further_names_per_hour_of_key;
    if (further_names == 0) return PinLimit::further_names_per_hour;
    --further_names_of_key;
    --further_names;
  }
  --files;
  --files_of_key;
  files_for_further_names = minus(files_for_further_names, 1);
  return std::nullopt;
}

std::size_t HourlyBudget::left(TimePoint now) {
  while (!counted_.empty() && now - counted_.front() >= std::chrono::hours{1}) counted_.pop_front();
  return per_hour_ - counted_.size();
}

Duration HourlyBudget::next_in(TimePoint now) {
  return left(now) > 0 || counted_.empty() ? Duration::zero() : counted_.front() + std::chrono::hours{1} - now;
}

void HourlyBudget::count(std::size_t events, TimePoint now) {
  BP2P_CHECK(events <= left(now));  // a PinRoom never gives out more
  counted_.insert(counted_.end(), events, now);
}

PinRoom PinBudget::room(const PublicKey& key, std::size_t of_key, std::size_t in_all, TimePoint now) {
  const auto own = of_key_.find(key);
  return {.first_contacts = first_contacts_.left(now),
          .further_names_of_key = own == of_key_.end() ? limits_.further_names_per_hour_of_key : own->second.left(now),
          .further_names = further_names_.left(now),
          .files_of_key = minus(limits_.pins_of_key, of_key),
          .files = minus(limits_.pins, in_all),
          .files_for_further_names = minus(limits_.pins, in_all + limits_.pins_kept_for_first_contacts)};
}

std::optional<Duration> PinBudget::next_in(PinLimit limit, const PublicKey& key, TimePoint now) {
  switch (limit) {
    case PinLimit::first_contacts_per_hour: return first_contacts_.next_in(now);
    case PinLimit::further_names_per_hour: return further_names_.next_in(now);
    case PinLimit::further_names_per_hour_of_key: {
      const auto own = of_key_.find(key);
      return own == of_key_.end() ? Duration::zero() : own->second.next_in(now);
    }
    case PinLimit::pins_of_key:
    case PinLimit::pins:
    case PinLimit::pins_for_further_names: return std::nullopt;
  }
  return std::nullopt;
}

void PinBudget::count(const PublicKey& key, std::size_t first_contacts, std::size_t further_names, TimePoint now) {
  first_contacts_.count(first_contacts, now);
  further_names_.count(further_names, now);
  std::erase_if(of_key_, [&](auto& each) { return each.second.left(now) == limits_.further_names_per_hour_of_key; });
  if (further_names > 0)
    of_key_.try_emplace(key, limits_.further_names_per_hour_of_key).first->second.count(further_names, now);
}

}  // namespace bp2p
