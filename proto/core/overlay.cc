// Membership's effects, and what it must hear: neighbours come and go, the cluster is joined and left.
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"
#include "proto/membership/codec.h"

namespace bp2p {
namespace {

/// What subscribers read as the reason of peer_down; upstream's words (its documentation has five, one of which, a
/// blocked peer, does not exist here).
std::string_view reason_of(membership::DownReason reason) {
  switch (reason) {
    case membership::DownReason::lost:
    case membership::DownReason::restarted: return "nodedown";
    case membership::DownReason::left: return "graceful";
    case membership::DownReason::let_go:
    case membership::DownReason::disconnected:
    case membership::DownReason::swapped: return "dropped";
  }
  return "dropped";
}

Sought sought_of(const JoinTarget& target) {
  return std::visit([](const auto& each) { return Sought{each}; }, target);
}

/// Contacts that are not with us are looked for again: twice in the 60 s of I9 by who has neighbours.
Duration until_contacts(const CoreConfig& config, bool is_alone) { return (is_alone ? 1 : 3) * config.contact_retry; }

}  // namespace

void Core::Impl::pump(Now now, Effects& out) {
  do {
    // Membership first: a neighbour is one before its broadcasts are.
    for (const membership::Effect& effect : std::exchange(membership_effects, {}))
      std::visit([&](const auto& each) { carry_out(each, now, out); }, effect);
    for (const membership::LifeEffect& effect : std::exchange(life_effects, {}))
      std::visit([&](const auto& each) { carry_out(each, now, out); }, effect);
    for (const gossip::Effect& effect : std::exchange(gossip_effects, {}))
      std::visit([&](const auto& each) { carry_out(each, now, out); }, effect);
    if (!kept_messages.empty()) hear_kept(std::nullopt, now, out);
    if (record_is_due && !hyparview.is_alone() && !window_is_full) announce_ourselves(now);
    say_life(now);
  } while (!membership_effects.empty() || !life_effects.empty() || !gossip_effects.empty());
  deadlines.set({Deadlines::Of::overlay, 0}, hyparview.next_deadline());
  deadlines.set({Deadlines::Of::gossip, 0}, plumtree.next_deadline());
  deadlines.set({Deadlines::Of::life, 0}, suspicions.members().empty() ? never : suspicions.next_deadline());
}

// --- what membership asks for -------------------------------------------------------------------------------

void Core::Impl::carry_out(const membership::Send& effect, Now now, Effects& out) {
  overlay_uses.insert(effect.to->key);
  send_to_peer(effect.to, peer::encode(peer::Membership{membership::encode(effect.message)}), now, out);
}

void Core::Impl::carry_out(const membership::PeerUp& effect, Now now, Effects& out) {
  say(out, Severity::debug, "overlay.neighbour", shown_member(effect.peer) + " is a neighbour");
  if (Link* link = links.best_of(effect.peer)) heard_of(*contact_of(*link), now);
  if (!std::exchange(is_joined, true)) {
    wants_records = record_is_due = true;
    if (!config.contacts.empty()) deadlines.set_if_none({Deadlines::Of::join, 0}, now.steady + until_contacts(config, false));
    say(out, Severity::info, "overlay.joined", "joined the cluster " + config.cluster + "; the first neighbour is " + shown_member(effect.peer));
    tell(Topic::neighbours, Term::atom("joined"), out);
  }
  // Who has accused us while we were alone cannot be heard by us any more, but by others a little later.
  if (hyparview.view().active().size() == 1) suspicions.come_in(now.steady, life_effects);
  gossip_follows(effect.peer, now);
  tell_names(Topic::neighbours, effect.peer, out);
  // Of every neighbour until one has answered: the first may have let us go before it read this.
  if (wants_records) ask_for_records(effect.peer, now, out);
}

void Core::Impl::carry_out(const membership::PeerDown& effect, Now now, Effects& out) {
  // Neighbours are exchanged all the time; that one is lost is news.
  const bool is_news = effect.reason == membership::DownReason::lost;
  say(out, is_news ? Severity::info : Severity::debug, "overlay.neighbour_gone",
      shown_member(effect.peer) + " is no neighbour any more: " + std::string{describe(effect.reason)});
  if (gossip_links.erase(effect.peer) > 0) plumtree.on_peer_down(effect.peer, now.steady, gossip_effects);
  tell_gone(Topic::neighbours, effect.peer, reason_of(effect.reason), out);
  if (effect.reason == membership::DownReason::lost) suspicions.on_link_lost(effect.peer, now.steady, life_effects);
  if (hyparview.is_alone() && is_joined) {
    say(out, Severity::warning, "overlay.alone",
        "no neighbour is left; " + std::string{config.contacts.empty() ? "the address book is" : "contacts and address book are"} + " tried");
    deadlines.set({Deadlines::Of::join, 0}, now.steady + until_contacts(config, true));
    wants_records = true;
  }
}

void Core::Impl::carry_out(const membership::LinkNotNeeded& effect, Now now, Effects&) {
  overlay_uses.erase(effect.peer);
  arm_sweep(now);
}

// --- what membership hears ------------------------------------------------------------------------------------

void Core::Impl::on_membership(Link& link, const peer::Membership& message, Now now, Effects& out) {
  const LinkId id = link.id;
  const bool is_neighbour = hyparview.view().is_active(link.facts.peer_key);
  if (!may_say(link, link.overlay_words, now, out)) return;
  const auto decoded = membership::decode(message.message, [&](ByteView record) {
    auto contact = contacts.read(record, now.wall);
    if (contact && is_neighbour) heard_of(**contact, now);
    return contact;
  });
  if (!decoded) {
    const auto error = decoded.error();
    if (error == membership::DecodeError::unknown_message || error == membership::DecodeError::outdated_record) return;
    const auto code = error == membership::DecodeError::forged_record ? LinkCode::misbehaved : LinkCode::bad_message;
    return close_link(id, code, std::string{membership::describe(error)}, now, out);
  }
  prompted_by = link.facts.peer_key;
  hyparview.on_message(contact_of(link), link.facts.peer_address, *decoded, now.steady, membership_effects);
}

bool Core::Impl::may_say(Link& link, TokenBucket& rate, Now now, Effects& out) {
  if (rate.take(now.steady)) return true;
  if (++link.words_dropped >= limits::overlay_words_dropped_max)
    close_link(link.id, LinkCode::misbehaved, "a storm of membership messages", now, out);
  return false;
}

membership::ContactPtr Core::Impl::contact_of(const Link& link) { return contacts.keep(*link.record, link.record_bytes); }

membership::ContactPtr Core::Impl::own_contact(Now now) {
  const Bytes& record = own.at(now.wall);
  return contacts.keep({signing.own_key(), own.body()}, record);
}

void Core::Impl::on_link_admitted(Link& link, Now now) {
  hyparview.on_contact(contact_of(link));
  contacts.on_proven(link.facts.peer_key, link.proven);
  arm_sweep(now);
  gossip_follows(link.facts.peer_key, now);
  suspicions.on_link_up(link.facts.peer_key, now.steady, life_effects);
}

void Core::Impl::on_link_gone(const PublicKey& key, bool is_lost, Now now, Effects& out) {
  // Both have dialled at once and one link has gone: the other is about to be admitted, or comes here in its turn.
  const bool has_another = !links.of_key(key).empty();
  if (!has_another && !reaches_by_key.contains(key))
    hyparview.on_link_closed(key, now.steady, membership_effects);
  if (is_lost) believed.insert(key);  // until now, and nobody else may have a link with it
  if (!has_another && believed.erase(key) > 0) suspicions.on_link_lost(key, now.steady, life_effects);
  gossip_follows(key, now);
  if (crawl && crawl->is_awaited(key) && !reaches_by_key.contains(key)) {
    // What was asked on this link may be lost: the peer has another with us, or will not answer.
    if (Link* other = links.best_of(key)) say_on_overlay(*other, peer::encode(peer::ViewAsked{}), now, out);
    else crawl_misses(key);
  }
}

void Core::Impl::gossip_follows(const PublicKey& key, Now now) {
  if (!hyparview.view().is_active(key)) return;
  const Link* link = links.best_of(key);
  const auto had = gossip_links.find(key);
  if (had != gossip_links.end()) {
    if (link != nullptr && had->second == link->id) return;
    gossip_links.erase(had);
    plumtree.on_peer_down(key, now.steady, gossip_effects);
  }
  if (link == nullptr) return;
  gossip_links.emplace(key, link->id);
  plumtree.on_peer_up(key, now.steady, gossip_effects);
}

// --- joining and leaving ----------------------------------------------------------------------------------------

void Core::Impl::join_through(Link& link, Now now) {
  if (!hyparview.is_alone()) {  // two clusters become one
    if (suspicions.is_living(link.facts.peer_key)) return;
    wants_records = record_is_due = true;
  }
  hyparview.join(contact_of(link), now.steady, membership_effects);
}

/// Who has neighbours goes on to look for contacts that are not with it: two that met while their contact was away would
/// else stay for themselves, and for ever.
void Core::Impl::join_contacts(Now now, Effects& out) {
  if (stopping || config.contacts.empty()) return;
  const bool is_alone = hyparview.is_alone();
  for (const JoinTarget& contact : config.contacts)
    if (is_alone || !is_with_us(contact)) join(contact, now, out);
  deadlines.set({Deadlines::Of::join, 0}, now.steady + until_contacts(config, is_alone));
}

/// A contact's record need not have the address that it is known by here: there are virtual addresses, and translated ones.
void Core::Impl::remember_contact(const Search& search, const PublicKey& key) {
  if (std::ranges::contains(config.contacts, search.sought(), sought_of)) contact_keys.insert_or_assign(search.sought(), key);
}

bool Core::Impl::is_with_us(const JoinTarget& target) {
  // Who is suspected may have come back there with another key, and would be waited for until the old one is down.
  const auto is_here = [&](const PublicKey& key) {
    return key == signing.own_key() || suspicions.status(key) == membership::Suspicions::Status::alive;
  };
  const auto led_to = contact_keys.find(sought_of(target));
  if (led_to != contact_keys.end() && is_here(led_to->second)) return true;
  if (const auto* name = std::get_if<NodeName>(&target))
    return std::ranges::contains(own.body().names, *name) || std::ranges::any_of(contacts.keys_of(*name), is_here);
  const Address& address = std::get<Address>(target);
  bool found = std::ranges::contains(own.body().addresses, address);
  contacts.for_each([&](const PublicKey& key, const Contacts::Known& known) {
    found = found || (std::ranges::contains(known.contact->addresses, address) && is_here(key));
  });
  return found;
}

void Core::Impl::leave_cluster(Now now, Effects& out) {
  if (!is_joined && hyparview.is_alone()) return;
  deadlines.clear({Deadlines::Of::join, 0});
  std::vector<ReachId> under_way;
  for (const auto& [id, each] : reaches) under_way.push_back(id);
  for (const ReachId id : under_way) {
    const Reach& reach = reaches.at(id);
    if (reach.is_probe) suspicions.on_probe_ok(*reach.search.key(), now.steady, life_effects);  // we stopped, not it
    end_reach(id);
  }
  (void)broadcast(BroadcastKind::leaving, life_bytes(suspicions.own_life()), now);
  pump(now, out);  // it goes before the goodbyes
  is_joined = false;
  hyparview.leave(now.steady, membership_effects);
  pump(now, out);
  record_is_due = false;
  say(out, Severity::info, "overlay.left", "left the cluster " + config.cluster);
  tell(Topic::neighbours, Term::atom("left"), out);
}

// --- a newcomer hears of everybody ------------------------------------------------------------------------------

void Core::Impl::on_records_wanted(Link& link, Now now, Effects& out) {
  if (!hyparview.view().is_active(link.facts.peer_key) || now.steady < link.gives_records_at) return;
  link.gives_records_at = now.steady + limits::records_gap;
  link.records_given = Link::Given{};
  give_records(link, now, out);
}

/// As much as the link is said to have taken by on_link_backlog, which goes on with it: all at once would be 3 MB of a
/// cluster of 10,000, in front of the cluster's broadcasts.
void Core::Impl::give_records(Link& link, Now now, Effects& out) {
  if (!link.records_given) return;
  peer::Records some;
  std::size_t bytes = 0, in_all = 0;
  const auto flush = [&] {
    if (!some.records.empty()) say_on_overlay(link, peer::encode(some), now, out);
    some.records.clear();
    bytes = 0;
  };
  bool is_more = false;
  contacts.visit_after(link.records_given->upto, [&](const PublicKey& key, const Contacts::Known& known) {
    if (in_all > config.gossip.backlog_bytes_max / 2) {
      is_more = true;
      return false;
    }
    link.records_given->upto = key;
    // Not those that we have a link with and who never joined.
    const bool is_member = key == signing.own_key() || suspicions.is_living(key);
    if (key == link.facts.peer_key || !is_member || known.expires < now.wall) return true;
    const std::size_t size = known.contact->record->size();
    if (bytes + size > limits::records_message_bytes) flush();
    bytes += size;
    in_all += size;
    some.records.push_back(*known.contact->record);
    return true;
  });
  flush();
  if (!is_more) link.records_given.reset();
}

WallTime Core::Impl::wall_of(Now now) { return now.wall - std::chrono::duration_cast<WallTime>(now.steady.time_since_epoch()); }

/// While our clock was wrong we believed no record that was made then, and broadcasts come once.
void Core::Impl::watch_clock(Now now, Effects& out) {
  const WallTime was = std::exchange(wall_of_steady, wall_of(now));
  if (std::chrono::abs(wall_of_steady - was) < limits::clock_tolerance) return;
  say(out, Severity::info, "clock.stepped", "the host's clock was set by more than five minutes");
  wants_records = true;
  for (const membership::Neighbour& each : hyparview.view().active()) ask_for_records(each.contact->key, now, out);
}

void Core::Impl::ask_for_records(const PublicKey& neighbour, Now now, Effects& out) {
  Link* link = links.best_of(neighbour);
  if (link == nullptr) return;
  link->records_heard = 0;
  say_on_overlay(*link, peer::encode(peer::RecordsWanted{}), now, out);
}

void Core::Impl::on_records(Link& link, const peer::Records& records, Now now, Effects& out) {
  // Only from a neighbour, and only as many as there may be; a record costs a signature's verification.
  if (!hyparview.view().is_active(link.facts.peer_key)) return;
  wants_records = false;
  link.records_heard += records.records.size();
  if (link.records_heard > Contacts::known_max)
    return close_link(link.id, LinkCode::misbehaved, "more peer records than a cluster may have", now, out);
  for (const Bytes& record : records.records) {
    const auto contact = contacts.read(record, now.wall);
    if (!contact && contact.error() == membership::RecordFault::forged)
      return close_link(link.id, LinkCode::misbehaved, "a peer record that is not its author's", now, out);
    if (!contact) continue;
    hyparview.on_contact(*contact);
    heard_of(**contact, now);
  }
}

}  // namespace bp2p
