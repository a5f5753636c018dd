// What membership asks the core to do, in order.
#pragma once
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/membership/messages.h"

namespace bp2p::membership {

/// The core makes a link if there is none, and reports on_unreachable when it cannot. Messages to one peer arrive in
/// order or its link closes.
struct Send {
  ContactPtr to;
  Message message;
};

/// The peer is an active neighbour. PeerUp and PeerDown of a key alternate.
struct PeerUp {
  PublicKey peer;
};

enum class DownReason : std::uint8_t {
  lost,          ///< its link closed, or it fell silent
  let_go,        ///< we made room for another
  disconnected,  ///< it told us to go, or has forgotten that it is our neighbour
  swapped,       ///< exchanged for another, by either side
  restarted,     ///< it speaks with a newer boot epoch
  left,          ///< it, or we, left the cluster
};
constexpr std::string_view describe(DownReason reason) {
  switch (reason) {
    case DownReason::lost: return "lost";
    case DownReason::let_go: return "let go";
    case DownReason::disconnected: return "disconnected";
    case DownReason::swapped: return "swapped";
    case DownReason::restarted: return "restarted";
    case DownReason::left: return "left";
  }
  return "unknown";
}
/// A change of shape, not a death (docs/architecture.md); `lost` is where a suspicion may begin.
struct PeerDown {
  PublicKey peer;
  DownReason reason;
};

/// Membership has no use for a link to this peer any more, once what was sent is delivered.
struct LinkNotNeeded {
  PublicKey peer;
};

using Effect = std::variant<Send, PeerUp, PeerDown, LinkNotNeeded>;
using Effects = std::vector<Effect>;

}  // namespace bp2p::membership
