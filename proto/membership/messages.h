// What the daemons of an overlay say to one another, as values. The sender is never in a message: it is the key that
// the link has proven. Names are the paper's (HyParView, DSN 2007) where it has them.
#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "proto/membership/contact.h"

namespace bp2p::membership {

/// At most limits::contacts_per_message_max.
using Contacts = std::vector<ContactPtr>;

enum class Priority : std::uint8_t { low, high };

/// A newcomer asks its contact for a link and for walks that find it more. Answered by NeighborReply.
struct Join {};
/// Walks along active links. Where it ends, that daemon asks the newcomer for a link.
struct ForwardJoin {
  ContactPtr newcomer;
  std::uint8_t ttl = 0;
};
/// Asks for an active link. High: the sender has none, or comes back from a split; room is made for it.
struct Neighbor {
  Priority priority = Priority::low;
};
/// Accepted: the sender has entered the receiver into its active view already.
struct NeighborReply {
  bool accepted = false;
};
/// The active link is no more. The candidates come with it, so that the receiver is not left short.
struct Disconnect {
  bool leaving = false;  ///< the sender leaves the cluster: not a spare either
  Contacts candidates{};
};
/// "You are in my active view."
struct KeepAlive {};
struct Shuffle {
  ContactPtr origin;
  std::uint8_t ttl = 0;
  bool has_room = false;  ///< the origin is short of a link: who is too, on the way, asks it for one
  Contacts sample{};
};
struct ShuffleReply {
  Contacts sample{};
};
/// "Take me in place of one of yours; I give up `offered` for you, and it takes yours."
struct SwapRequest {
  ContactPtr offered;
};
/// Accepted: the sender has taken the receiver in place of `partner`.
struct SwapReply {
  ContactPtr partner{};  ///< null: refused
};
/// The sender gives up its active link with the receiver, which gets one with `partner` instead: partner is told the
/// same of the receiver by the other end of its own link.
struct Handover {
  ContactPtr partner;
};

using Message = std::variant<Join, ForwardJoin, Neighbor, NeighborReply, Disconnect, KeepAlive, Shuffle, ShuffleReply,
                             SwapRequest, SwapReply, Handover>;

// --- of life and death (suspicion.h). The first three are broadcast, signed by their origin; HeldDown is for one link.

/// Which word of a daemon is the newer one: larger at each start, and within it at each refutation.
struct Life {
  std::uint64_t epoch = 0;
  std::uint64_t incarnation = 0;
  friend auto operator<=>(const Life&, const Life&) = default;
};
/// "I lost it, and cannot reach it."
struct Suspicion {
  PublicKey suspect;
  Life life;  ///< the latest that the origin has heard of it
};
/// "I am here": refutes every suspicion of an earlier life.
struct Alive {
  Life life;
};
struct Leaving {
  Life life;
};
/// "I had held you down or suspect." The receiver refutes for all to hear.
struct HeldDown {
  Life life;
};

}  // namespace bp2p::membership
