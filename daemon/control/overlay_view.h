// The overlay's views: `barrel-p2pd peers`, `peers NODE`, `members` and `graph`. Keys are added to, never renamed; they are
// documented in docs/operations.md.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "daemon/control/status_view.h"

namespace bp2p::control {

/// `alive`, `suspected`, `down`, `left`.
const char* word_of(membership::Suspicions::Status status);

/// Part of the status: neighbours and spares as lists, members as counts.
nlohmann::ordered_json overlay_json(const OverlayStatus& overlay);
/// `overlay.…`, `members.…`, `gossip.…`, into an object.
void add_overlay_counters(const OverlayStatus& overlay, nlohmann::ordered_json& counters);

/// Schema `barrel-p2pd/peers/1`: neighbours, then other daemons with a link, then spares.
nlohmann::ordered_json peers_json(const DaemonStatus& status);
/// Schema `barrel-p2pd/peer/1`: of a name, an address or a fingerprint.
nlohmann::ordered_json peer_json(std::string_view whom, const PeerStatus& peer, const DaemonStatus& status);
/// Schema `barrel-p2pd/members/1`, in the order of their first names.
nlohmann::ordered_json members_json(const MemberCounts& counts, std::vector<MemberStatus> members);
/// Schema `barrel-p2pd/graph/1`: this daemon and its neighbours.
nlohmann::ordered_json graph_json(const DaemonStatus& status);

/// Schema `barrel-p2pd/join/1`: it was begun. `joined` is how it was before.
nlohmann::ordered_json join_json(const JoinTarget& contact, const DaemonStatus& status);
/// Schema `barrel-p2pd/leave/1`: `left` is false when it was in none.
nlohmann::ordered_json leave_json(bool was_joined, std::string_view cluster);

}  // namespace bp2p::control
