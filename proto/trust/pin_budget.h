// How many names may be pinned on first contact, and how fast. All strangers share one small budget; a key that is
// known has one of its own for further names at its hosts. Figures and reasons: docs/decisions/0005-pin-budget.md.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "proto/base/ids.h"
#include "proto/base/now.h"
#include "proto/wire/limits.h"

namespace bp2p {

struct PinLimits {
  std::size_t first_contacts_per_hour = limits::first_contacts_per_hour;
  std::size_t further_names_per_hour_of_key = limits::further_names_per_hour_of_key;
  std::size_t further_names_per_hour = limits::further_names_per_hour;
  std::size_t pins_of_key = limits::pins_of_key_max;
  std::size_t pins = limits::pins_max;
  std::size_t pins_kept_for_first_contacts = limits::pins_kept_for_first_contacts;
};

/// What a new pin is.
enum class PinKind : std::uint8_t {
  first_contact,  ///< a key never met, or a host at which the key has no name yet, or another key has one
  further_name,   ///< at a host at which the key has a name and nobody else has
};

/// Why one more pin was not made.
enum class PinLimit : std::uint8_t {
  first_contacts_per_hour,
  further_names_per_hour_of_key,
  further_names_per_hour,
  pins_of_key,
  pins,
  pins_for_further_names,
};
/// With its figure, as the end of "more new names than": `32 first contacts an hour`.
std::string describe(PinLimit limit, const PinLimits& limits);

/// How many pins one key may still make at one moment, by each of the limits.
struct PinRoom {
  std::size_t first_contacts = 0;              ///< this hour, of all keys
  std::size_t further_names_of_key = 0;        ///< this hour
  std::size_t further_names = 0;               ///< this hour, of all keys
  std::size_t files_of_key = 0;
  std::size_t files = 0;
  std::size_t files_for_further_names = 0;     ///< of `files`

  /// Takes one pin out. Else: the limit that was reached, and nothing changes.
  std::optional<PinLimit> take(PinKind kind);
};

/// How many may happen within any hour.
class HourlyBudget {
 public:
  explicit HourlyBudget(std::size_t per_hour) : per_hour_(per_hour) {}
  std::size_t left(TimePoint now);
  /// Until there is one more than now: what counts longest is over then. Zero while one is left.
  Duration next_in(TimePoint now);
  void count(std::size_t events, TimePoint now);

 private:
  std::size_t per_hour_;
  std::deque<TimePoint> counted_;  // at most per_hour_
};

class PinBudget {
 public:
  explicit PinBudget(const PinLimits& limits)
      : limits_(limits), first_contacts_(limits.first_contacts_per_hour), further_names_(limits.further_names_per_hour) {}

  /// `of_key`, `in_all`: pins on disk, of this key and of all.
  PinRoom room(const PublicKey& key, std::size_t of_key, std::size_t in_all, TimePoint now);
  /// How long `key` is kept from one more pin by this limit, at the least; none: time does not lift it.
  std::optional<Duration> next_in(PinLimit limit, const PublicKey& key, TimePoint now);
  /// Pins that were taken out of a room of this same moment.
  void count(const PublicKey& key, std::size_t first_contacts, std::size_t further_names, TimePoint now);
  /// This hour, of all keys.
  std::size_t first_contacts_left(TimePoint now) { return first_contacts_.left(now); }

 private:
  const PinLimits limits_;
  HourlyBudget first_contacts_, further_names_;
  std::map<PublicKey, HourlyBudget> of_key_;  // keys with further names within the hour: at most as many as those
};

}  // namespace bp2p
