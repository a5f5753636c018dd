// JOIN, its walks, NEIGHBOR and its reply, DISCONNECT: how active links come and go.
#include <algorithm>

#include "proto/membership/hyparview.h"
#include "proto/wire/limits.h"

namespace bp2p::membership {

/// Paper, section 4.2, but: the newcomer enters on our reply only; and a contact that is joined by thousands lets one
/// neighbour go a second, the rest find their links by the walks alone. Else every newcomer evicts the one before, and
/// 10,000 joins in 10 s make a chain.
void HyParView::on(const From& from, const Join&, TimePoint now, Effects& out) {
  const ContactPtr& newcomer = from.peer;
  const bool known = view_.is_active(newcomer->key);
  const bool accepted = !away_ && (known || !view_.is_full() || (take_join_eviction(now) && make_room(newcomer, now, out)));
  out.emplace_back(Send{newcomer, NeighborReply{accepted}});
  if (!accepted) {
    ++counters_.joins_redirected;
    out.emplace_back(LinkNotNeeded{newcomer->key});
  } else {
    known ? begin_anew(newcomer->key, now, out) : enter(newcomer, Direction::inbound, now, out);
  }
  for (const Neighbour& each : view_.active())
    if (each.contact->key != newcomer->key) out.emplace_back(Send{each.contact, ForwardJoin{newcomer, config_.arwl}});
}

void HyParView::on(const From& from, const ForwardJoin& walk, TimePoint now, Effects& out) {
  if (!view_.is_active(from.peer->key)) return void(++counters_.not_a_neighbour);
  const ContactPtr& newcomer = walk.newcomer;
  if (is_self(newcomer->key)) return;
  const std::uint8_t ttl = std::min(walk.ttl, config_.arwl);
  if (ttl == config_.prwl) view_.keep(newcomer, now, rng_);
  // Who is short ends the walk early: that is what the walk looks for.
  const ContactPtr next = ttl == 0 || !view_.is_full() ? nullptr : view_.random_active(rng_, from.peer->key, newcomer->key);
  if (next) out.emplace_back(Send{next, ForwardJoin{newcomer, static_cast<std::uint8_t>(ttl - 1)}});
  else end_walk(newcomer, now, out);
}

/// The paper enters the newcomer into the active view here, whether it can be reached or not. We ask it.
void HyParView::end_walk(const ContactPtr& newcomer, TimePoint now, Effects& out) {
  if (view_.is_active(newcomer->key) || is_asked(newcomer->key)) return;
  if (asked_.size() < limits::walk_ends_max && (!view_.is_full() || take_join_eviction(now))) {
    ask(newcomer, Wanted::walk_end, now, out);
  } else {
    ++counters_.walks_ended_empty;
    view_.keep(newcomer, now, rng_);
  }
}

bool HyParView::take_join_eviction(TimePoint now) {
  if (now < next_join_eviction_) return false;
  next_join_eviction_ = now + config_.join_eviction_gap;
  return true;
}

/// The newest inbound neighbour goes, so that requests, forged or not, evict one another and never the older links.
bool HyParView::make_room(const ContactPtr& newcomer, TimePoint now, Effects& out) {
  if (!view_.is_full()) return true;
  const Neighbour* victim = view_.newest_inbound(config_.protected_outbound);
  if (!victim) return false;
  let_go(ContactPtr{victim->contact}, newcomer, now, out);
  return true;
}

/// In the paper a peer told to go is left short. It gets candidates; the first is the newcomer, who has room: so both
/// are served, and the number of links does not fall.
void HyParView::let_go(const ContactPtr& peer, const ContactPtr& newcomer, TimePoint now, Effects& out) {
  Disconnect goodbye;
  if (newcomer) goodbye.candidates.push_back(newcomer);
  for (ContactPtr& each : view_.sample(0, config_.shuffle_passive, peer->key, rng_)) goodbye.candidates.push_back(std::move(each));
  out.emplace_back(Send{peer, std::move(goodbye)});
  if (view_.is_active(peer->key)) drop(peer->key, DownReason::let_go, now, out);
  else out.emplace_back(LinkNotNeeded{peer->key});
}

void HyParView::on(const From& from, const Neighbor& request, TimePoint now, Effects& out) {
  const ContactPtr& peer = from.peer;
  if (!away_ && view_.is_active(peer->key)) {
    out.emplace_back(Send{peer, NeighborReply{true}});
    return begin_anew(peer->key, now, out);
  }
  bool accepted = !away_ && view_.active().size() + places_kept(peer->key) < config_.active_size;
  if (!away_ && !accepted && request.priority == Priority::high) {
    if (high_limit_.take(from.address, now)) accepted = make_room(peer, now, out);
    else ++counters_.high_refused;
  }
  out.emplace_back(Send{peer, NeighborReply{accepted}});
  if (!accepted) return void(out.emplace_back(LinkNotNeeded{peer->key}));
  const auto asked = wanted_of(peer->key);
  enter(peer, asked == Wanted::link ? Direction::outbound : Direction::inbound, now, out);
}

void HyParView::on(const From& from, const NeighborReply& reply, TimePoint now, Effects& out) {
  const ContactPtr& peer = from.peer;
  // Both have asked. If it refused before it heard that we accept, it enters us then or says DISCONNECT.
  if (view_.is_active(peer->key)) return;
  const auto wanted = wanted_of(peer->key);
  if (!reply.accepted && wanted == Wanted::handover) return;  // it has not been told yet, and will ask
  forget_asked(peer->key);
  if (!reply.accepted) {
    if (wanted) out.emplace_back(LinkNotNeeded{peer->key});
    if (wanted == Wanted::link) ++refusals_;
    if (Spare* spare = view_.find_passive(peer->key)) {
      spare->not_before = now + config_.shuffle_period;  // it is full, which is no failure
      spare->failures = 0;
    }
    return;
  }
  // An answer that nobody asked for, or too late, or to one who has found others since.
  const bool may_evict = wanted == Wanted::revival || wanted == Wanted::walk_end;
  if (!wanted || away_ || (view_.is_full() && !(may_evict && make_room(peer, now, out)))) return let_go(peer, nullptr, now, out);
  enter(peer, wanted == Wanted::walk_end ? Direction::inbound : Direction::outbound, now, out);
}

void HyParView::on(const From& from, const Disconnect& goodbye, TimePoint now, Effects& out) {
  const PublicKey peer = from.peer->key;
  if (!view_.is_active(peer)) return;  // we let it go at the same time, or have asked it anew since
  drop(peer, goodbye.leaving ? DownReason::left : DownReason::disconnected, now, out);
  const std::size_t count = std::min(goodbye.candidates.size(), limits::contacts_per_message_max);
  for (std::size_t i = 0; i < count; ++i) view_.keep(goodbye.candidates[i], now, rng_);
  if (count == 0) return;
  const ContactPtr& first = goodbye.candidates.front();
  if (is_short() && view_.find_passive(first->key) && !is_asked(first->key)) ask(first, Wanted::link, now, out);
}

/// The other end believes in a link that we do not have: it drops it, and refills.
void HyParView::on(const From& from, const KeepAlive&, TimePoint now, Effects& out) {
  if (view_.is_active(from.peer->key) || is_asked(from.peer->key)) return;
  ++counters_.mismatches;
  let_go(from.peer, nullptr, now, out);
}

/// The paper has it urgent for those alone. A few that have but one another are an island as well, while the others are full
/// and refuse them for ever. Who is two short may ask so: the one that goes for it takes the other place, so that again no
/// link is lost.
void HyParView::ask(const ContactPtr& peer, Wanted wanted, TimePoint now, Effects& out) {
  asked_.push_back({peer, wanted, now + config_.pending_timeout});
  if (wanted == Wanted::join) return void(out.emplace_back(Send{peer, Join{}}));
  const bool is_left_out = view_.active().empty() || rounds_refused_ >= config_.rounds_refused_max;
  const bool urgent = wanted == Wanted::revival || (wanted == Wanted::link && is_left_out);
  out.emplace_back(Send{peer, Neighbor{urgent ? Priority::high : Priority::low}});
}

/// Promotion (paper, section 4.3), as many at once as links are missing: a dead spare takes a whole pending_timeout.
void HyParView::refill(TimePoint now, Effects& out) {
  while (is_short() && (refusals_ < config_.refusals_per_period || view_.active().empty())) {
    const auto may_ask_spare = [&](const Spare& each) { return may_ask(each, now); };
    const auto count = std::ranges::count_if(view_.passive(), may_ask_spare);
    if (count == 0) return;
    auto left = rng_.below(static_cast<std::uint64_t>(count));
    for (const Spare& each : view_.passive())
      if (may_ask(each, now) && left-- == 0) {
        ask(ContactPtr{each.contact}, Wanted::link, now, out);
        break;
      }
  }
}

/// After a split the two sides' views are disjoint within ten shuffle cycles: only one who remembers finds back. And when
/// nearly all have died, those who are left and have no living spare find one another only in here.
void HyParView::probe(TimePoint now, Effects& out) {
  const auto ask_if_new = [&](const ContactPtr& peer) {
    if (peer && !is_self(peer->key) && !view_.is_active(peer->key) && !is_asked(peer->key)) ask(peer, Wanted::revival, now, out);
  };
  if (!is_in_need(now)) return ask_if_new(book_.random_lost(rng_));
  const bool alone = view_.active().empty();
  if (alone && !book_.has_untried(now, config_.book_retry)) return ask_if_new(book_.random_any(rng_));
  // As many at once as links are missing: a dead one takes a whole dial.
  for (std::size_t missing = config_.active_size - view_.active().size(); missing > 0; --missing) {
    const ContactPtr peer = book_.random_untried(rng_, now, config_.book_retry);
    if (alone || (peer && !view_.find_passive(peer->key))) ask_if_new(peer);  // spares have had their turn
  }
}

}  // namespace bp2p::membership
