// What was tried to reach a peer, and what came of it: what an operator reads when a daemon does not answer. Nothing is
// decided by it. Bounded, and filled by what this daemon begins itself, so that no stranger can push others out of it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

/// Who is looked for: the daemon that serves a node, the one with a key, or whoever answers at an address.
using Sought = std::variant<NodeName, PublicKey, Address>;

/// How far an attempt came, in this order.
enum class AttemptPhase : std::uint8_t {
  look_up,  ///< an address for the name
  udp,      ///< any answer from the address
  tls,      ///< the QUIC handshake, in which the peer proves its key
  hello,    ///< cluster, version and record
  trust,    ///< names against pins
  channel,  ///< the peer's daemon gives us the node
};
/// `look-up`, `udp`, …
std::string_view name_of(AttemptPhase phase);

class Ledger {
 public:
  struct Entry {
    WallTime at{};
    std::optional<Address> address{};
    AttemptPhase phase{};
    std::string result{};
    std::string_view code{};  ///< of a RefuseCode or LinkCode, a literal; empty: it went well
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  static constexpr std::size_t entries_max = 16;  ///< of one who is sought
  static constexpr std::size_t sought_max = 256;  ///< beyond it, whoever was noted longest ago is forgotten
  static constexpr std::size_t result_bytes_max = 256;

  void note(const Sought& whom, Entry entry);
  /// The oldest first.
  std::vector<Entry> of(const Sought& whom) const;
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [whom, row] : rows_) visit(whom);
  }

 private:
  struct Row {
    std::deque<Entry> entries;
    std::list<Sought>::iterator noted;
  };
  std::map<Sought, Row> rows_;
  std::list<Sought> noted_;  // longest ago first
};

}  // namespace bp2p
