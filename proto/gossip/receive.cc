#include <algorithm>

#include "proto/gossip/impl.h"

namespace bp2p::gossip {
namespace {

// In a row after a PRUNE: what was on its way, and then some. PRUNE is said again after as many. Guess.
constexpr std::uint16_t prune_again_after = 64;

}  // namespace

void Plumtree::Impl::on_gossip(Slot from, const Gossip& gossip, TimePoint now, Effects& out) {
  const std::uint64_t number = gossip.number;
  if (!gossip.payload || number == 0 || number >= number_max || gossip.contiguous >= number_max)
    return misbehaved(from, Misdeed::malformed, now, out);
  if (gossip.payload->size() > config.payload_bytes_max) return misbehaved(from, Misdeed::oversized, now, out);
  if (is_stale(gossip.origin)) {
    ++counters.stale;
    return;
  }
  Tree* tree = find(gossip.origin);
  if (tree != nullptr) {
    Side& side = tree->side(from);
    side.has = std::max(side.has, gossip.contiguous);
    if (tree->recent.has_seen(number) && !(tree->tentative && number <= tree->recent.contiguous()))
      return on_duplicate(*tree, from, number, now, out);
    if (!make_room(*tree, number, gossip.payload->size(), now)) {
      // It announces from now on, and we ask when there is room: back-pressure, and no loss.
      ++counters.refused_no_room;
      side.refused = true;
      if (side.eager) prune(*tree, from, now, out);
      return;
    }
  }
  // Before it is forwarded, and before it makes us remember anything.
  ++counters.verified;
  if (!verify(gossip.origin, number, *gossip.payload)) return misbehaved(from, Misdeed::bad_payload, now, out);
  // Ours, and not said by us: of an earlier start that has been forgotten, or another daemon has our key. Not the peer's fault.
  if (gossip.origin.key == self.key) {
    ++counters.stale;
    return;
  }
  if (tree == nullptr) {
    tree = plant(gossip.origin, 0, std::nullopt);
    if (tree == nullptr || !make_room(*tree, number, gossip.payload->size(), now)) return;
    tree->side(from).has = gossip.contiguous;
  }
  prove(*tree);
  // It was gone, and is back where it was.
  if (!tree->tentative && tree->recent.has_seen(number)) return on_duplicate(*tree, from, number, now, out);
  // Where an unverified announcement said that the origin stands was too far: it begins here, and what was announced
  // above is missing.
  if (tree->tentative && number <= tree->recent.contiguous()) {
    tree->recent.skip_to(number);
    std::uint64_t announced = 0;
    for (Slot slot = 0; slot < tree->sides.size(); ++slot)
      if (peers[slot].up && !tree->sides[slot].silenced) announced = std::max(announced, tree->sides[slot].has);
    mark(*tree, announced, now);
  }
  accept(*tree, from, number, gossip.payload, now, out);
}

void Plumtree::Impl::accept(Tree& tree, std::optional<Slot> from, std::uint64_t number, Payload payload, TimePoint now,
                            Effects& out) {
  TimePoint heard = now;
  for (const Mark& mark : tree.marks)
    if (mark.upto >= number) {
      heard = mark.at;
      break;
    }
  if (from) {
    Side& side = tree.side(*from);
    // What had to be asked for says nothing about how late payloads come by themselves.
    if (side.asked_from == 0) spread.add(now - heard);
    side.eager = true;
    side.silenced = false;
    side.duplicates = 0;
  }
  tree.recent.add({.number = number, .heard = heard, .came = now, .payload = payload});
  const std::size_t before = out.size();
  deliver_ready(tree, out);
  // The push says how far we have everything, so it is made afterwards; but it goes out first.
  const std::size_t delivered = out.size() - before;
  push(tree, from, number, payload, now, out);
  std::rotate(out.begin() + static_cast<std::ptrdiff_t>(before),
              out.begin() + static_cast<std::ptrdiff_t>(before + delivered), out.end());
  recount(tree);
  if (number > tree.recent.contiguous()) {
    out.emplace_back(Ahead{tree.id, payload});
    mark(tree, number - 1, now);
  }
  mark_dirty(tree, now);
  rearm(tree, now);
  sweep_later(now);
}

void Plumtree::Impl::push(Tree& tree, std::optional<Slot> except, std::uint64_t number, const Payload& payload,
                          TimePoint now, Effects& out) {
  for (Slot slot = 0; slot < peers.size(); ++slot) {
    if (!peers[slot].up || slot == except) continue;
    Side& side = tree.side(slot);
    if (!side.eager || side.has >= number) continue;
    if (peers[slot].slow) {
      side.eager = false;  // it hears of it when it has taken what it has, and grafts
      mark_dirty(tree, now);
      continue;
    }
    side.told = std::max(side.told, tree.recent.contiguous());
    side.told_bytes = tree.recent.bytes_ever();
    send(slot, Gossip{tree.id, number, tree.recent.contiguous(), payload}, payload->size() + 64, out);
  }
}

void Plumtree::Impl::deliver_ready(Tree& tree, Effects& out) {
  while (const Recent::Kept* next = tree.recent.advance()) {
    tree.tentative = false;
    ++counters.delivered;
    out.emplace_back(Deliver{tree.id, next->number, next->payload});
  }
}

void Plumtree::Impl::on_duplicate(Tree& tree, Slot from, std::uint64_t number, TimePoint now, Effects& out) {
  ++counters.duplicates;
  Side& side = tree.side(from);
  if (side.asked_from != 0) return;  // both the source asked and the late one sent it
  if (const Recent::Kept* kept = tree.recent.find(number)) spread.add(now - kept->heard);
  if (++side.duplicates >= config.duplicates_max) {
    side.duplicates = config.prune_after;
    misbehaved(from, Misdeed::duplicates, now, out);
  }
  if (side.duplicates >= config.prune_after && (side.duplicates - config.prune_after) % prune_again_after == 0)
    prune(tree, from, now, out);
}

void Plumtree::Impl::prune(Tree& tree, Slot slot, TimePoint now, Effects& out) {
  tree.side(slot).eager = false;
  ++counters.prunes_sent;
  send(slot, Prune{tree.id}, 48, out);
  mark_dirty(tree, now);
}

void Plumtree::Impl::on_prune(Slot from, const Prune& prune, TimePoint now, Effects& out) {
  if (!peers[from].prunes.take(now)) {
    ++counters.refused_rate;
    return misbehaved(from, Misdeed::prune_storm, now, out);
  }
  Tree* tree = find(prune.origin);
  if (tree == nullptr || !tree->proven) return;
  Side& side = tree->side(from);
  if (!side.eager) return;
  side.eager = false;
  side.told = 0;  // it may have had no room for what we pushed: it must hear of it
  mark_dirty(*tree, now);
}

}  // namespace bp2p::gossip
