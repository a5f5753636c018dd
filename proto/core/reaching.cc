// Links for the overlay: made when it has something to say, and closed when nobody uses them any more.
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {

void Core::Impl::say_on_overlay(Link& link, Bytes message, Now now, Effects& out) {
  link.last_use = now.steady;
  out.emplace_back(SendToLink{link.id, std::move(message), LinkStream::overlay});
}

void Core::Impl::send_to_peer(const membership::ContactPtr& to, Bytes message, Now now, Effects& out) {
  if (Link* link = links.best_of(to->key)) return say_on_overlay(*link, std::move(message), now, out);
  // What is not said because somebody prompts too much is no failure of the one it was for: it is as if it were lost.
  if (prompted_by && !reaches_by_key.contains(to->key) &&
      std::ranges::count_if(reaches, [&](const auto& each) { return each.second.prompted_by == prompted_by; }) >=
          static_cast<std::ptrdiff_t>(limits::reaches_per_peer_max))
    return;
  Reach* reach = stopping ? nullptr : reach_to(to, now);
  if (reach == nullptr || reach->waiting.size() >= limits::reach_messages_max)
    return hyparview.on_unreachable(to->key, now.steady, membership_effects);
  reach->waiting.push_back(std::move(message));
  advance_reach(reaches_by_key.at(to->key), now, out);
}

bool Core::Impl::reach_for(const membership::ContactPtr& to, Now now, Effects& out) {
  Reach* reach = stopping ? nullptr : reach_to(to, now);
  if (reach == nullptr) return false;
  reach->is_probe = true;
  advance_reach(reaches_by_key.at(to->key), now, out);
  return true;
}

/// nullptr: there is no way to it, or too many are under way.
Reach* Core::Impl::reach_to(const membership::ContactPtr& to, Now now) {
  if (const auto found = reaches_by_key.find(to->key); found != reaches_by_key.end()) return &reaches.at(found->second);
  if (reaches.size() >= limits::reaches_max || to->addresses.empty()) return nullptr;
  const ReachId id{++last_id};
  reaches_by_key.emplace(to->key, id);
  Reach& made = reaches.emplace(id, Reach{.search = Search{to->key, to->addresses},
                                          .deadline = now.steady + config.membership.pending_timeout,
                                          .shown = signing.show(to->key),
                                          .prompted_by = prompted_by}).first->second;
  made.search.alone = attempt_alone_of_record;
  return &made;
}

void Core::Impl::join(const JoinTarget& target, Now now, Effects& out) {
  const auto is_join = [](const auto& each) { return each.second.is_join; };
  const auto* name = std::get_if<NodeName>(&target);
  const std::string shown = name ? name->text() : std::get<Address>(target).text();
  const auto is_same = [&](const auto& each) { return each.second.is_join && each.second.shown == shown; };
  if (std::ranges::any_of(reaches, is_same)) return;
  if (std::ranges::count_if(reaches, is_join) >= static_cast<std::ptrdiff_t>(limits::joins_max)) {
    say(out, Severity::warning, "overlay.join_failed", "too many joins are under way; " + shown + " is not joined");
    return;
  }
  const ReachId id{++last_id};
  reaches.emplace(id, Reach{.search = name ? Search{*name} : Search{Anybody{}, {std::get<Address>(target)}},
                            .deadline = now.steady + config.dial_budget,
                            .is_join = true,
                            .shown = shown});
  advance_reach(id, now, out);
}

void Core::Impl::advance_reach(ReachId id, Now now, Effects& out) {
  const auto found = reaches.find(id);
  if (found == reaches.end()) return;
  Reach& reach = found->second;
  const SearchStep next = step(reach.search, id, now, out);
  if (const auto* wait = std::get_if<Wait>(&next)) {
    deadlines.set({Deadlines::Of::reach, id.value}, std::min(reach.deadline, wait->until));
    return;
  }
  const auto* ask = std::get_if<Ask>(&next);
  if (ask == nullptr) return reach_failed(id, now, out);
  Link& link = *links.find(ask->link);
  const bool is_join = reach.is_join, is_probe = reach.is_probe;
  if (is_join) {
    note_found(reach.search, link, now);
    remember_contact(reach.search, link.facts.peer_key);
  }
  const std::vector<Bytes> waiting = std::move(reach.waiting);
  end_reach(id);
  if (is_probe) suspicions.on_probe_ok(link.facts.peer_key, now.steady, life_effects);
  for (const Bytes& message : waiting) say_on_overlay(link, message, now, out);
  if (is_join) join_through(link, now);
}

void Core::Impl::end_reach(ReachId id) {
  const auto found = reaches.find(id);
  if (found == reaches.end()) return;
  end_search(found->second.search);
  if (const PublicKey* key = found->second.search.key()) reaches_by_key.erase(*key);
  deadlines.clear({Deadlines::Of::reach, id.value});
  reaches.erase(found);
}

void Core::Impl::reach_failed(ReachId id, Now now, Effects& out) {
  const Reach& reach = reaches.at(id);
  const std::string tried = reach.search.tried.empty() ? "no answer" : reach.search.tried;
  if (reach.is_join) {
    const bool is_told = now.steady < join_told_until;
    if (!is_told) join_told_until = now.steady + std::chrono::hours{1};
    say(out, is_told ? Severity::debug : Severity::warning, "overlay.join_failed",
        "could not join through " + reach.shown + ": " + tried + (is_told ? "" : "; it is tried again, and said once an hour"));
  } else {
    say(out, Severity::debug, "overlay.unreachable", "the daemon " + reach.shown + " could not be reached: " + tried);
    hyparview.on_unreachable(*reach.search.key(), now.steady, membership_effects);
    crawl_misses(*reach.search.key());
    // Who refuses us over trust is there.
    if (reach.is_probe && reach.search.code == RefuseCode::not_trusted) suspicions.on_probe_ok(*reach.search.key(), now.steady, life_effects);
    else if (reach.is_probe) suspicions.on_probe_failed(*reach.search.key(), now.steady, life_effects);
    else if (reach.search.code != RefuseCode::not_trusted) suspicions.on_unreachable(*reach.search.key(), now.steady, life_effects);
  }
  end_reach(id);
}

void Core::Impl::on_link_backlog(LinkId id, std::size_t bytes, Now now, Effects& out) {
  Link* link = links.find(id);
  if (link == nullptr) return;
  give_records(*link, now, out);
  const auto carrier = gossip_links.find(link->facts.peer_key);
  if (carrier != gossip_links.end() && carrier->second == id)
    plumtree.on_backlog(link->facts.peer_key, bytes, now.steady, gossip_effects);
}

void Core::Impl::arm_sweep(Now now) {
  if (!std::exchange(sweep_is_set, true)) deadlines.set({Deadlines::Of::sweep, 0}, now.steady + config.link_linger / 4);
}

/// A link stands for its channels, for the overlay, and for a while after them.
void Core::Impl::sweep_links(Now now, Effects& out) {
  sweep_is_set = false;
  std::vector<LinkId> unused;
  for (const auto& [id, link] : links.all()) {
    if (!link.admitted) continue;
    const PublicKey& key = link.facts.peer_key;
    const bool is_used = link.channels_and_asked() > 0 || overlay_uses.contains(key) || hyparview.view().is_active(key);
    if (!is_used && now.steady - std::max(link.last_use, link.admitted_at) >= config.link_linger) unused.push_back(id);
  }
  for (const LinkId id : unused) close_link(id, LinkCode::goodbye, "nobody uses it", now, out);
  if (links.size() > 0) arm_sweep(now);
}

}  // namespace bp2p
