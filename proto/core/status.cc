// What an operator sees.
#include <algorithm>

#include "proto/core/impl.h"

namespace bp2p {

std::vector<NodeName> Core::Impl::names_said_by(const PublicKey& key) const {
  const Contacts::Known* known = contacts.find(key);
  return known ? known->names : std::vector<NodeName>{};
}

TryingStatus Core::Impl::trying(const Redial& redial, Now now) const {
  return {.name = redial.name, .last_error = redial.last_error, .failures = redial.failures,
          .next_try_in = redial.search ? Duration{} : std::max(Duration{}, redial.next_try - now.steady)};
}

Status Core::Impl::status(Now now) const {
  Status status;
  for (const auto& [id, connection] : sessions.all()) {
    const Duration since = now.steady - connection.since;
    if (const auto* node = std::get_if<NodeSession>(&connection.is)) {
      status.sessions.push_back({.session = id, .name = node->name, .uid = connection.who.uid, .pid = connection.who.pid,
                                 .creation = node->creation, .hidden = node->hidden, .listens = node->listens,
                                 .since = since});
    } else if (const auto* channel = std::get_if<ChannelLeg>(&connection.is)) {
      status.channels.push_back({.leg = id, .link = channel->link, .local = channel->local, .remote = channel->remote,
                                 .opened_here = channel->opened_here, .since = since});
    }
  }
  for (const auto& [id, link] : links.all())
    status.links.push_back({.link = id, .key = link.facts.peer_key, .address = link.facts.peer_address,
                            .dialled_here = link.dialled_here(), .admitted = link.admitted,
                            .names = {link.proven.begin(), link.proven.end()}, .since = now.steady - link.opened});
  for (const auto& [id, redial] : redials) status.trying.push_back(trying(redial, now));
  status.overlay = overlay_status(now);
  status.refused_frames = refused_frames;
  status.refused_links = refused_links;
  status.refused_sessions = refused_sessions;
  status.channels_reaped = channels_reaped;
  return status;
}

OverlayStatus Core::Impl::overlay_status(Now now) const {
  OverlayStatus out;
  out.is_joined = is_joined;
  out.neighbours_wanted = config.membership.active_size;
  for (const membership::Neighbour& each : hyparview.view().active())
    out.neighbours.push_back({.key = each.contact->key, .names = names_said_by(each.contact->key),
                              .direction = each.direction, .heard = now.steady - each.heard});
  for (const membership::Spare& each : hyparview.view().passive())
    out.spares.push_back({.key = each.contact->key, .names = names_said_by(each.contact->key),
                          .since = now.steady - each.since, .failures = each.failures});
  out.members = member_counts();
  out.book = hyparview.book().size();
  out.book_lost = hyparview.book().lost();
  out.membership = hyparview.counters();
  out.suspicion = suspicions.counters();
  out.gossip = plumtree.counters();
  out.gossip_usage = plumtree.usage();
  out.broadcasts_unheard = broadcasts_unheard;
  return out;
}

MemberCounts Core::Impl::member_counts() const {
  using enum membership::Suspicions::Status;
  MemberCounts counts{.alive = 1};
  for (const auto& [key, member] : suspicions.members()) {
    switch (member.status) {
      case alive: ++counts.alive; break;
      case suspected: ++counts.suspected; break;
      case down: ++counts.down; break;
      case left: ++counts.left; break;
    }
  }
  return counts;
}

std::vector<MemberStatus> Core::Impl::members() const {
  std::vector<MemberStatus> out;
  out.push_back({.key = signing.own_key(), .names = names_said_by(signing.own_key()),
                 .status = membership::Suspicions::Status::alive, .is_self = true});
  for (const auto& [key, member] : suspicions.members())
    out.push_back({.key = key, .names = names_said_by(key), .status = member.status});
  return out;
}

std::optional<PublicKey> Core::Impl::key_shown_as(std::string_view text) const {
  std::set<PublicKey> keys{signing.own_key()};
  contacts.for_each([&](const PublicKey& key, const Contacts::Known&) { keys.insert(key); });
  for (const auto& [key, member] : suspicions.members()) keys.insert(key);
  for (const auto& [id, link] : links.all()) keys.insert(link.facts.peer_key);
  ledger.for_each([&](const Sought& whom) {
    if (const auto* key = std::get_if<PublicKey>(&whom)) keys.insert(*key);
  });
  const auto found = std::ranges::find_if(keys, [&](const PublicKey& key) { return signing.show(key) == text; });
  return found == keys.end() ? std::nullopt : std::optional{*found};
}

std::optional<PeerStatus> Core::Impl::peer(std::string_view whom, Now now) const {
  PeerStatus out;
  std::set<PublicKey> keys;
  std::vector<std::vector<Ledger::Entry>> attempts;
  const auto name = NodeName::parse(whom);
  const auto address = Address::parse(whom);
  if (name) {
    for (const PublicKey& key : contacts.keys_of(*name)) keys.insert(key);
    for (const LinkId id : links.serving(*name)) keys.insert(links.all().at(id).facts.peer_key);
    if (const auto found = redials_by_name.find(*name); found != redials_by_name.end())
      out.trying = trying(redials.at(found->second), now);
    attempts.push_back(ledger.of(*name));
  } else if (address) {
    for (const LinkId id : links.at(*address)) keys.insert(links.all().at(id).facts.peer_key);
    contacts.for_each([&](const PublicKey& key, const Contacts::Known& known) {
      if (std::ranges::contains(known.contact->addresses, *address)) keys.insert(key);
    });
    attempts.push_back(ledger.of(*address));
  } else if (const auto key = key_shown_as(whom)) {
    keys.insert(*key);
  }
  for (const PublicKey& key : keys) {
    const Contacts::Known* known = contacts.find(key);
    out.daemons.push_back({.key = key, .names = names_said_by(key),
                           .addresses = known ? known->contact->addresses : std::vector<Address>{},
                           .as_member = suspicions.status(key), .is_self = key == signing.own_key()});
    attempts.push_back(ledger.of(key));
  }
  // One link may have been what a name, its key and an address were tried for.
  std::set<Ledger::Entry> seen;
  for (const auto& each : attempts)
    for (const Ledger::Entry& entry : each)
      if (seen.insert(entry).second) out.attempts.push_back(entry);
  std::ranges::stable_sort(out.attempts, {}, &Ledger::Entry::at);
  out.is_joining = std::ranges::any_of(reaches, [&](const auto& each) { return each.second.is_join && each.second.shown == whom; });
  if (out.daemons.empty() && out.attempts.empty() && !out.trying && !out.is_joining) return std::nullopt;
  return out;
}

}  // namespace bp2p
