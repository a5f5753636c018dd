#include "proto/trust/pins.h"

#include <set>

#include "proto/base/check.h"

namespace bp2p {

std::expected<PinDecision, PinRefusal> decide_pins(Trust trust, const PublicKey& key, std::span<const NodeName> names,
                                                   const PinReads& reads, PinRoom room, bool has_proven) {
  BP2P_CHECK(names.size() == reads.claimed.size());
  using Why = PinRefusal::Why;
  PinDecision decision;
  std::vector<NodeName> never_met;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const PinRead& read = reads.claimed[i];
    if (!read) {
      const Why why = read.error() == PinError::missing_of_record ? Why::missing_of_record : Why::unreadable;
      return std::unexpected{PinRefusal{why, names[i], std::nullopt}};
    }
    const std::optional<PublicKey>& pinned = *read;
    if (pinned && *pinned != key) decision.of_another.push_back({names[i], *pinned});
    else (pinned ? decision.proven : never_met).push_back(names[i]);
  }
  has_proven = has_proven || !decision.proven.empty();
  if (!has_proven && !decision.of_another.empty()) {
    const auto& [name, pinned] = decision.of_another.front();
    return std::unexpected{PinRefusal{Why::other_key, name, pinned}};
  }
  if (trust == Trust::strict) {
    if (!has_proven)
      return std::unexpected{PinRefusal{Why::no_pin, std::nullopt, std::nullopt}};
    decision.unproven = std::move(never_met);
    return decision;
  }

  // The large budget buys names at hosts that are the key's alone, or a member could pin the names of all others
  // first: with one first contact it would be at home wherever it likes.
  std::set<std::string_view> own_hosts, shared_hosts{reads.hosts_of_others.begin(), reads.hosts_of_others.end()};
  for (const NodeName& name : reads.of_key) own_hosts.insert(name.host());
  for (const NodeName& name : decision.proven) own_hosts.insert(name.host());
  for (const auto& each : decision.of_another) shared_hosts.insert(each.name.host());
  for (const NodeName& name : never_met) {
    const bool is_at_home = own_hosts.contains(name.host()) && !shared_hosts.contains(name.host());
    const PinKind kind = is_at_home ? PinKind::further_name : PinKind::first_contact;
    if (const auto reached = room.take(kind)) {
      if (!decision.limit) decision.limit = reached;
      decision.unproven.push_back(name);
      continue;
    }
    if (kind == PinKind::first_contact) ++decision.first_contacts;
    own_hosts.insert(name.host());
    decision.to_store.push_back(name);
  }
  return decision;
}

}  // namespace bp2p
