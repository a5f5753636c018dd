// Random link swaps. Shuffles change spares only; a bad shape, such as the chain that a storm of joins leaves, would
// stay. So from time to time a daemon i has the links i-o and c-d become i-c and o-d, where o is a neighbour of its own
// and c a spare: the four keep their numbers of links. (X-BOT's four-way exchange, Leitao et al., SRDS 2009, without an
// oracle.) Each link is given up by the word of one of its own ends, so nobody can take away another's:
//
//   i --SwapRequest(o)--> c      c lets d go:  c --Handover(o)--> d      d --NEIGHBOR--> o
//   i <--SwapReply(d)---- c      i lets o go:  i --Handover(d)--> o      o --NEIGHBOR--> d
//
// Both o and d ask, and keep a place for the other: whoever is told first is refused by one who does not know yet.
// Whatever is lost on the way leaves somebody short, who refills, or an end alone, whom KeepAlive tells.
#include <algorithm>

#include "proto/membership/hyparview.h"

namespace bp2p::membership {

void HyParView::swap(TimePoint now, Effects& out) {
  // Among a handful of daemons all shapes are alike.
  if (swap_ || !view_.is_full() || view_.passive().size() < config_.active_size) return;
  if (rng_.below(1000) >= config_.swaps_per_thousand_rounds) return;
  const Contacts drawn = view_.sample(1, 1, self_->key, rng_);
  if (drawn.size() < 2 || is_asked(drawn[1]->key)) return;
  swap_ = {drawn[1], drawn[0]->key, now + config_.pending_timeout};
  out.emplace_back(Send{drawn[1], SwapRequest{drawn[0]}});
}

void HyParView::on(const From& from, const SwapRequest& request, TimePoint now, Effects& out) {
  const ContactPtr& peer = from.peer;
  const PublicKey& offered = request.offered->key;
  // Whom it costs its place is the newest inbound, as with any request: a hostile peer gives up nothing for it.
  const Neighbour* victim = view_.newest_inbound(config_.protected_outbound);
  if (away_ || now < next_swap_ || !view_.is_full() || view_.is_active(peer->key) || is_asked(peer->key) ||
      is_self(offered) || offered == peer->key || view_.is_active(offered) || !victim ||
      (swap_ && (swap_->old == victim->contact->key || swap_->candidate->key == peer->key))) {
    ++counters_.swaps_refused;
    out.emplace_back(Send{peer, SwapReply{}});
    if (!view_.is_active(peer->key)) out.emplace_back(LinkNotNeeded{peer->key});
    return;
  }
  next_swap_ = now + config_.shuffle_period;
  const ContactPtr partner = victim->contact;
  out.emplace_back(Send{partner, Handover{request.offered}});
  drop(partner->key, DownReason::swapped, now, out);
  out.emplace_back(Send{peer, SwapReply{partner}});
  enter(peer, Direction::inbound, now, out);
}

void HyParView::on(const From& from, const SwapReply& reply, TimePoint now, Effects& out) {
  const ContactPtr& peer = from.peer;
  const bool expected = swap_ && swap_->candidate->key == peer->key;
  const PublicKey old = expected ? swap_->old : PublicKey{};
  if (expected) swap_.reset();
  if (view_.is_active(peer->key)) return;
  if (!reply.partner) {
    if (expected) out.emplace_back(LinkNotNeeded{peer->key});
    return;
  }
  if (const Neighbour* neighbour = expected ? view_.find_active(old) : nullptr) {
    const ContactPtr given_up = neighbour->contact;
    out.emplace_back(Send{given_up, Handover{reply.partner}});
    drop(given_up->key, DownReason::swapped, now, out);
  }
  if (!expected || view_.is_full()) return let_go(peer, nullptr, now, out);
  enter(peer, Direction::outbound, now, out);
}

void HyParView::on(const From& from, const Handover& handover, TimePoint now, Effects& out) {
  if (!view_.is_active(from.peer->key)) return void(++counters_.not_a_neighbour);
  drop(from.peer->key, DownReason::swapped, now, out);
  const ContactPtr& partner = handover.partner;
  if (is_self(partner->key) || view_.is_active(partner->key) || is_asked(partner->key)) return;
  ask(partner, Wanted::handover, now, out);
}

}  // namespace bp2p::membership
