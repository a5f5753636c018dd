// Which names a key may be believed to serve, given what the pin files say. A pure decision: reading and
// writing the files is the daemon's work, and the order of the two is the core's.
#pragma once
#include <expected>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/trust/pin_budget.h"

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

/// What the files say about a key and the names that it claims.
struct PinReads {
  std::vector<PinRead> claimed;  ///< in the order in which they were asked for
  std::vector<NodeName> of_key;  ///< all names pinned to the key, claimed or not
  std::size_t in_all = 0;        ///< pins of all keys
  std::set<std::string> hosts_of_others = {};  ///< those of the claimed names' at which another key has a pin
};

struct PinDecision {
  std::vector<NodeName> proven;    ///< pinned to this key already
  std::vector<NodeName> to_store;  ///< new pins: proven once they are on disk
  std::size_t first_contacts = 0;  ///< of `to_store`; the rest are further names
  std::vector<NodeName> unproven;  ///< strict: no pin; tofu: beyond a limit
  std::optional<PinLimit> limit;   ///< tofu: the one that kept the first of `unproven` out
  struct OfAnother {
    NodeName name;
    PublicKey pinned;
  };
  std::vector<OfAnother> of_another;  ///< pinned to another key: not believed (I2)
};

struct PinRefusal {
  enum class Why : std::uint8_t {
    other_key,         ///< `name` is pinned to `pinned` (I2: never re-pinned), and the key has proven no name
    missing_of_record,
    unreadable,
    no_pin,            ///< strict, and not one of the names is pinned
  };
  Why why;
  std::optional<NodeName> name;
  std::optional<PublicKey> pinned;
};

/// Decides about all names that `key` claims; `reads` are their pins in the same order. A pin that cannot be read
/// refuses the key altogether, whatever the others say; a name that is pinned to another key refuses one that has
/// proven none (`has_proven`: names that are not asked about here), else costs only itself: whoever takes one name of a
/// host must not take the whole host with it. A key without names is refused by strict alone. Nobody is refused by tofu
/// because the names are too many, they are unproven then: the key may be of a member of the cluster, which needs no name.
std::expected<PinDecision, PinRefusal> decide_pins(Trust trust, const PublicKey& key, std::span<const NodeName> names,
                                                   const PinReads& reads, PinRoom room, bool has_proven = false);

}  // namespace bp2p
