// Which names a key may be believed to serve, given what the pin files say. A pure decision: reading and
// writing the files is the daemon's work, and the order of the two is the core's.
#pragma once
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

enum class Trust : std::uint8_t {
  tofu,    ///< the first key seen for a name is pinned to it
  strict,  ///< pinned keys alone
};

/// A pin as the files say.
enum class PinError : std::uint8_t {
  missing_of_record,  ///< it was pinned once and the file is gone: an operator has to look
  unreadable,         ///< wrong size, torn, or an I/O error
};
using PinRead = std::expected<std::optional<PublicKey>, PinError>;

/// First contacts within the last hour (security.md: at most 32).
class NewPins {
 public:
  explicit NewPins(std::size_t per_hour) : per_hour_(per_hour) {}
  /// How many more may be pinned now.
  std::size_t left(TimePoint now);
  void count(std::size_t pins, TimePoint now);

 private:
  std::size_t per_hour_;
  std::deque<TimePoint> pinned_at_;  // at most per_hour_
};

struct PinDecision {
  std::vector<NodeName> proven;    ///< pinned to this key already
  std::vector<NodeName> to_store;  ///< first contacts: proven once they are on disk
  std::vector<NodeName> unproven;  ///< strict: no pin; tofu: beyond this hour's first contacts
};

struct PinRefusal {
  enum class Why : std::uint8_t {
    other_key,         ///< `name` is pinned to `pinned` (I2: never re-pinned)
    missing_of_record,
    unreadable,
    no_pin,            ///< strict, and not one of the names is pinned
    too_many,          ///< not one of the names is pinned, and this hour's first contacts are used up
  };
  Why why;
  std::optional<NodeName> name;
  std::optional<PublicKey> pinned;
};

/// Decides about all names that `key` claims; `reads` are their pins in the same order. One bad pin refuses the
/// key altogether, whatever the others say. A key without names is refused by strict alone.
std::expected<PinDecision, PinRefusal> decide_pins(Trust trust, const PublicKey& key, std::span<const NodeName> names,
                                                   std::span<const PinRead> reads, std::size_t new_pins_left);

}  // namespace bp2p
