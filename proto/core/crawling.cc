// The cluster's overlay is drawn: this daemon asks the others for their neighbours, and answers those who ask.
#include <algorithm>

#include "proto/core/impl.h"

namespace bp2p {

// --- this daemon asks --------------------------------------------------------------------------------------------

void Core::Impl::begin_crawl(Now now, Effects& out) {
  if (crawl) return;  // who asks meanwhile gets what comes of that one
  if (now.steady < next_crawl) return deadlines.set({Deadlines::Of::crawl, 0}, next_crawl);
  std::vector<membership::ContactPtr> neighbours, members;
  for (const membership::Neighbour& each : hyparview.view().active()) neighbours.push_back(each.contact);
  for (const auto& [key, member] : suspicions.members())
    if (const Contacts::Known* known = contacts.find(key); known != nullptr && membership::Suspicions::is_living(member))
      members.push_back(known->contact);
  crawl.emplace(signing.own_key(), neighbours, members, now.steady);
  advance_crawl(now, out);
}

void Core::Impl::advance_crawl(Now now, Effects& out) {
  if (!crawl) return;
  while (const membership::ContactPtr next = crawl->next(now.steady)) ask_for_view(next, now, out);
  if (crawl->is_over(now.steady)) return end_crawl(now, out);
  deadlines.set({Deadlines::Of::crawl, 0}, crawl->next_deadline(now.steady));
}

void Core::Impl::ask_for_view(const membership::ContactPtr& of, Now now, Effects& out) {
  if (Link* link = links.best_of(of->key)) return say_on_overlay(*link, peer::encode(peer::ViewAsked{}), now, out);
  // A new link may cost a first contact. A drawing must not use up what nodes need within the hour.
  const bool is_scarce = config.trust == Trust::tofu && 2 * pin_budget.first_contacts_left(now.steady) < config.pin_limits.first_contacts_per_hour;
  Reach* reach = stopping || is_scarce ? nullptr : reach_to(of, now);
  if (reach == nullptr || reach->waiting.size() >= limits::reach_messages_max) return crawl->leave_out(of->key);
  reach->waiting.push_back(peer::encode(peer::ViewAsked{}));
  advance_reach(reaches_by_key.at(of->key), now, out);
}

void Core::Impl::crawl_misses(const PublicKey& key) {
  if (!crawl || !crawl->is_awaited(key)) return;
  crawl->on_unreachable(key);
  crawl_may_move = true;
}

void Core::Impl::end_crawl(Now now, Effects& out) {
  const MemberCounts counts = member_counts();
  ClusterGraph graph{.members = counts.alive + counts.suspected, .took = now.steady - crawl->begun(), .daemons = {}};
  for (const auto& [key, daemon] : crawl->daemons())
    graph.daemons.push_back({.key = key, .names = names_said_by(key), .answer = daemon.answer, .is_self = key == signing.own_key(),
                             .as_member = suspicions.status(key), .neighbours = daemon.neighbours});
  crawl.reset();
  deadlines.clear({Deadlines::Of::crawl, 0});
  next_crawl = now.steady + crawl_gap;
  out.emplace_back(CrawlEnded{std::move(graph)});
}

// --- and hears ---------------------------------------------------------------------------------------------------

void Core::Impl::on_view_asked(Link& link, Now now, Effects& out) {
  if (!may_say(link, link.views_asked, now, out)) return;
  peer::View view;
  std::size_t bytes = 0;
  for (const membership::Neighbour& each : hyparview.view().active()) {
    bytes += each.contact->record->size();
    if (view.records.size() >= limits::view_records_max || bytes > limits::view_bytes_max) break;
    view.records.push_back(*each.contact->record);
  }
  say_on_overlay(link, peer::encode(view), now, out);
}

void Core::Impl::on_view(Link& link, const peer::View& view, Now now, Effects& out) {
  const PublicKey key = link.facts.peer_key;
  if (!crawl || !crawl->is_awaited(key)) {  // late, or nobody asked
    may_say(link, link.overlay_words, now, out);
    return;
  }
  const auto misbehaved = [&](std::string text) {
    crawl_misses(key);
    close_link(link.id, LinkCode::misbehaved, std::move(text), now, out);
  };
  if (view.records.size() > limits::view_records_max) return misbehaved("more neighbours than a daemon may have");
  std::vector<membership::ContactPtr> neighbours;
  for (const Bytes& record : view.records) {
    const auto contact = contacts.read(record, now.wall);
    if (!contact && contact.error() == membership::RecordFault::forged) return misbehaved("a peer record that is not its author's");
    if (contact) neighbours.push_back(*contact);
  }
  crawl->on_view(key, neighbours);
  crawl_may_move = true;
}

}  // namespace bp2p
