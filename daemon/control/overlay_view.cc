#include "daemon/control/overlay_view.h"

#include <map>
#include <set>

#include "daemon/control/json_parts.h"
#include "daemon/crypto.h"

namespace bp2p::control {
namespace {

const char* word_of(membership::Direction direction) {
  return direction == membership::Direction::outbound ? "outbound" : "inbound";
}

json counts_json(const MemberCounts& counts) {
  return {{"alive", counts.alive}, {"suspected", counts.suspected}, {"down", counts.down}, {"left", counts.left}};
}

json neighbour_json(const NeighbourStatus& neighbour) {
  return {{"fingerprint", fingerprint(neighbour.key)},
          {"names", names_json(neighbour.names)},
          {"direction", word_of(neighbour.direction)},
          {"heard_ms", in_ms(neighbour.heard)}};
}

json spare_json(const SpareStatus& spare) {
  return {{"fingerprint", fingerprint(spare.key)},
          {"names", names_json(spare.names)},
          {"since_ms", in_ms(spare.since)},
          {"failures", spare.failures}};
}

/// The links by whom they lead to: there may be thousands.
class LinksByKey {
 public:
  explicit LinksByKey(const DaemonStatus& status) {
    for (const LinkStatus& link : status.core.links) {
      const LinkStatus*& best = links_[link.key];
      if (best == nullptr || (link.admitted && !best->admitted)) best = &link;
    }
    for (const LinkTraffic& traffic : status.links) traffic_.emplace(traffic.link, &traffic);
  }
  /// The one to use: an admitted one before others. nullptr: there is none.
  const LinkStatus* to(const PublicKey& key) const {
    const auto found = links_.find(key);
    return found == links_.end() ? nullptr : found->second;
  }
  /// nullptr: QUIC has no figures of it yet.
  const LinkTraffic* traffic_of(const LinkStatus& link) const {
    const auto found = traffic_.find(link.link);
    return found == traffic_.end() ? nullptr : found->second;
  }

 private:
  std::map<PublicKey, const LinkStatus*> links_;
  std::map<LinkId, const LinkTraffic*> traffic_;
};

void add_link(const LinkStatus& link, const LinksByKey& links, json& peer) {
  peer["link"] = link.link.value;
  peer["address"] = link.address.text();
  peer["admitted"] = link.admitted;
  peer["since_ms"] = in_ms(link.since);
  if (const LinkTraffic* traffic = links.traffic_of(link)) add_traffic(*traffic, peer);
}

json peer_of(const PublicKey& key, const std::vector<NodeName>& names, const char* role, const LinksByKey& links) {
  const LinkStatus* link = links.to(key);
  json peer = {{"fingerprint", fingerprint(key)},
               {"names", names_json(link && !link->names.empty() ? link->names : names)},
               {"role", role}};
  if (link) add_link(*link, links, peer);
  return peer;
}

/// What a daemon is to this one; null: nothing now.
json role_of(const PublicKey& key, const OverlayStatus& overlay, const LinksByKey& links) {
  if (find(overlay.neighbours, &NeighbourStatus::key, key)) return "neighbour";
  if (links.to(key)) return "linked";
  if (find(overlay.spares, &SpareStatus::key, key)) return "spare";
  return nullptr;
}

}  // namespace

const char* word_of(membership::Suspicions::Status status) {
  using enum membership::Suspicions::Status;
  switch (status) {
    case alive: return "alive";
    case suspected: return "suspected";
    case down: return "down";
    case left: return "left";
  }
  return "unknown";
}

json overlay_json(const OverlayStatus& overlay) {
  json out = {{"joined", overlay.is_joined}, {"neighbours_wanted", overlay.neighbours_wanted}};
  json& neighbours = out["neighbours"] = json::array();
  for (const NeighbourStatus& each : overlay.neighbours) neighbours.push_back(neighbour_json(each));
  json& spares = out["spares"] = json::array();
  for (const SpareStatus& each : overlay.spares) spares.push_back(spare_json(each));
  out["members"] = counts_json(overlay.members);
  out["book"] = {{"known", overlay.book}, {"lost", overlay.book_lost}};
  return out;
}

void add_overlay_counters(const OverlayStatus& overlay, json& counters) {
  const membership::Counters& m = overlay.membership;
  counters["overlay.joins_redirected"] = m.joins_redirected;
  counters["overlay.high_refused"] = m.high_refused;
  counters["overlay.walks_ended_empty"] = m.walks_ended_empty;
  counters["overlay.swaps_refused"] = m.swaps_refused;
  counters["overlay.not_a_neighbour"] = m.not_a_neighbour;
  counters["overlay.stale"] = m.stale;
  counters["overlay.mismatches"] = m.mismatches;
  const membership::SuspicionCounters& s = overlay.suspicion;
  counters["members.refused"] = s.members_refused;
  counters["members.unknown"] = s.unknown;
  counters["members.stale"] = s.stale;
  counters["members.ahead"] = s.ahead;
  counters["members.over_rate"] = s.over_rate;
  counters["members.confirmed"] = s.confirmed;
  counters["members.refuted"] = s.refuted;
  counters["members.times_late"] = s.times_late;
  const gossip::Counters& g = overlay.gossip;
  counters["gossip.delivered"] = g.delivered;
  counters["gossip.duplicates"] = g.duplicates;
  counters["gossip.verified"] = g.verified;
  counters["gossip.grafts_sent"] = g.grafts_sent;
  counters["gossip.grafts_answered"] = g.grafts_answered;
  counters["gossip.prunes_sent"] = g.prunes_sent;
  counters["gossip.holdings_sent"] = g.holdings_sent;
  counters["gossip.gaps"] = g.gaps;
  counters["gossip.refused_no_room"] = g.refused_no_room;
  counters["gossip.refused_rate"] = g.refused_rate;
  counters["gossip.refused_origins"] = g.refused_origins;
  counters["gossip.stale"] = g.stale;
  counters["gossip.evicted_early"] = g.evicted_early;
  counters["gossip.unheard"] = overlay.broadcasts_unheard;
  std::uint64_t misdeeds = 0;
  for (const std::uint64_t each : g.misdeeds) misdeeds += each;
  counters["gossip.misdeeds"] = misdeeds;
  counters["gossip.origins"] = overlay.gossip_usage.origins;
  counters["gossip.kept_bytes"] = overlay.gossip_usage.kept_bytes;
}

json peers_json(const DaemonStatus& status) {
  const OverlayStatus& overlay = status.core.overlay;
  json out = {{"schema", "barrel-p2pd/peers/1"},
              {"joined", overlay.is_joined},
              {"neighbours_wanted", overlay.neighbours_wanted}};
  const LinksByKey links{status};
  json& peers = out["peers"] = json::array();
  std::set<PublicKey> shown;
  for (const NeighbourStatus& each : overlay.neighbours) {
    json& peer = peers.emplace_back(peer_of(each.key, each.names, "neighbour", links));
    peer["direction"] = word_of(each.direction);
    peer["heard_ms"] = in_ms(each.heard);
    shown.insert(each.key);
  }
  for (const LinkStatus& link : sorted(status.core.links, &LinkStatus::link))
    if (shown.insert(link.key).second) peers.push_back(peer_of(link.key, link.names, "linked", links));
  for (const SpareStatus& each : overlay.spares) {
    if (!shown.insert(each.key).second) continue;
    json& peer = peers.emplace_back(peer_of(each.key, each.names, "spare", links));
    peer["failures"] = each.failures;
  }
  return out;
}

json peer_json(std::string_view whom, const PeerStatus& peer, const DaemonStatus& status) {
  json out = {{"schema", "barrel-p2pd/peer/1"}, {"peer", whom}, {"joining", peer.is_joining}};
  out["trying"] = nullptr;
  if (const auto& trying = peer.trying)
    out["trying"] = {{"last_error", trying->last_error},
                     {"failures", trying->failures},
                     {"next_try_in_ms", in_ms(trying->next_try_in)}};
  const LinksByKey links{status};
  json& daemons = out["daemons"] = json::array();
  for (const PeerStatus::OfDaemon& each : peer.daemons) {
    json one = {{"fingerprint", fingerprint(each.key)},
                {"names", names_json(each.names)},
                {"addresses", addresses_json(each.addresses)},
                {"self", each.is_self},
                {"member", each.as_member ? json(word_of(*each.as_member)) : json(nullptr)},
                {"role", role_of(each.key, status.core.overlay, links)}};
    if (const LinkStatus* link = links.to(each.key)) add_link(*link, links, one);
    daemons.push_back(std::move(one));
  }
  json& attempts = out["attempts"] = json::array();
  for (const Ledger::Entry& each : peer.attempts)
    attempts.push_back({{"time", time_text(each.at)},
                        {"address", each.address ? json(each.address->text()) : json(nullptr)},
                        {"phase", name_of(each.phase)},
                        {"result", each.result},
                        {"code", each.code.empty() ? json(nullptr) : json(each.code)}});
  return out;
}

json members_json(const MemberCounts& counts, std::vector<MemberStatus> members) {
  std::ranges::stable_sort(members, names_before, &MemberStatus::names);
  json out = {{"schema", "barrel-p2pd/members/1"}, {"counts", counts_json(counts)}};
  json& list = out["members"] = json::array();
  for (const MemberStatus& each : members)
    list.push_back({{"fingerprint", fingerprint(each.key)},
                    {"names", names_json(each.names)},
                    {"status", word_of(each.status)},
                    {"self", each.is_self}});
  return out;
}

json graph_json(const DaemonStatus& status) {
  const OverlayStatus& overlay = status.core.overlay;
  json names = json::array();
  for (const SessionStatus& session : sorted(status.core.sessions, &SessionStatus::session))
    if (session.name) names.push_back(session.name->text());
  json out = {{"schema", "barrel-p2pd/graph/1"},
              {"cluster", status.cluster},
              {"joined", overlay.is_joined},
              {"neighbours_wanted", overlay.neighbours_wanted},
              {"self", {{"fingerprint", status.fingerprint}, {"host", status.host}, {"names", std::move(names)}}}};
  const LinksByKey links{status};
  json& neighbours = out["neighbours"] = json::array();
  for (const NeighbourStatus& each : overlay.neighbours) {
    json one = {{"fingerprint", fingerprint(each.key)}, {"names", names_json(each.names)}, {"direction", word_of(each.direction)}};
    one["rtt_us"] = nullptr;
    if (const LinkStatus* link = links.to(each.key))
      if (const LinkTraffic* traffic = links.traffic_of(*link)) one["rtt_us"] = in_us(traffic->rtt);
    neighbours.push_back(std::move(one));
  }
  return out;
}

json join_json(const JoinTarget& contact, const DaemonStatus& status) {
  const auto* name = std::get_if<NodeName>(&contact);
  return {{"schema", "barrel-p2pd/join/1"},
          {"contact", name ? name->text() : std::get<Address>(contact).text()},
          {"cluster", status.cluster},
          {"joined", status.core.overlay.is_joined}};
}

json leave_json(bool was_joined, std::string_view cluster) {
  return {{"schema", "barrel-p2pd/leave/1"}, {"left", was_joined}, {"cluster", cluster}};
}

}  // namespace bp2p::control
