#include <algorithm>
#include <utility>

#include "proto/gossip/impl.h"

namespace bp2p::gossip {
namespace {

constexpr std::size_t holding_bytes = 56;

}  // namespace

void Plumtree::Impl::mark_dirty(Tree& tree, TimePoint now) {
  if (tree.dirty || !tree.proven) return;
  tree.dirty = true;
  dirty.push_back(tree.id);
  if (announce_at == never) announce_at = now + config.announce_after;
}

// A lazy peer that may lack it (IHAVE); and, now and then, any peer that does not know that we have it: it keeps it for
// us until then. An eighth of the window, so that a window is never full for want of such a word alone.
bool Plumtree::Impl::must_hear(const Tree& tree, const Side& side) const {
  const std::uint64_t last = tree.recent.contiguous();
  if (side.told >= last) return false;
  return (!side.eager && side.has < last) || tree.recent.bytes_ever() - side.told_bytes >= config.window_bytes / 8;
}

void Plumtree::Impl::announce(Effects& out) {
  announce_at = never;
  std::vector<Tree*> changed;
  changed.reserve(dirty.size());
  for (const OriginId& origin : std::exchange(dirty, {})) {
    Tree* tree = find(origin);
    if (tree == nullptr) continue;
    tree->dirty = false;
    changed.push_back(tree);
  }
  for (Slot slot = 0; slot < peers.size(); ++slot)
    if (peers[slot].up && !peers[slot].slow) announce_to(slot, changed, out);
}

void Plumtree::Impl::announce_all_to(Slot slot, Effects& out) {
  std::vector<Tree*> all;
  for (auto& [origin, tree] : trees)
    if (tree.proven) all.push_back(&tree);
  announce_to(slot, all, out);
}

void Plumtree::Impl::announce_to(Slot slot, const std::vector<Tree*>& some, Effects& out) {
  IHave batch;
  const auto flush = [&] {
    const std::size_t count = batch.holdings.size();
    counters.holdings_sent += count;
    send(slot, std::exchange(batch, {}), count * holding_bytes, out);
  };
  for (Tree* tree : some) {
    Side& side = tree->side(slot);
    if (!must_hear(*tree, side)) continue;
    side.told = tree->recent.contiguous();
    side.told_bytes = tree->recent.bytes_ever();
    batch.holdings.push_back(tree->holding());
    if (batch.holdings.size() == holdings_per_message_max) flush();
  }
  if (!batch.holdings.empty()) flush();
}

void Plumtree::Impl::send_summary(Slot slot, Effects& out) {
  Summary page{{}, false};
  for (auto& [origin, tree] : trees) {
    if (!tree.proven || tree.recent.oldest() == nullptr) continue;  // nobody could graft it
    if (page.holdings.size() == holdings_per_message_max) {
      send(slot, std::exchange(page, Summary{{}, false}), holdings_per_message_max * holding_bytes, out);
    }
    Side& side = tree.side(slot);
    side.told = tree.recent.contiguous();
    side.told_bytes = tree.recent.bytes_ever();
    page.holdings.push_back(tree.holding());
  }
  page.complete = true;
  const std::size_t bytes = page.holdings.size() * holding_bytes;
  send(slot, std::move(page), bytes, out);
}

void Plumtree::Impl::on_holdings(Slot from, const std::vector<Holding>& holdings, bool opening, TimePoint now,
                                 Effects& out) {
  if (holdings.size() > holdings_per_message_max) return misbehaved(from, Misdeed::malformed, now, out);
  for (const Holding& holding : holdings) {
    if (!peers[from].holdings.take(now)) {
      ++counters.refused_rate;
      return misbehaved(from, Misdeed::announcement_storm, now, out);
    }
    on_holding(from, holding, opening, now, out);
  }
}

void Plumtree::Impl::on_holding(Slot from, const Holding& holding, bool opening, TimePoint now, Effects& out) {
  if (holding.first == 0 || holding.last >= number_max || holding.first > holding.last + 1)
    return misbehaved(from, Misdeed::malformed, now, out);
  if (is_stale(holding.origin)) return;
  if (holding.origin.key == self.key && (holding.origin != self || holding.last > find(self)->recent.contiguous())) {
    ++counters.stale;  // not said by us: of a start that is forgotten, or another daemon has our key
    return;
  }
  Tree* tree = find(holding.origin);
  if (tree == nullptr) {
    if (holding.first > holding.last) return;
    // All that anybody keeps is wanted, for it may have been accepted after we came; unless this is how we come. But what
    // the peer itself has said since it began, it may have said alone: others can have it through us only.
    const bool is_its_beginning = holding.origin.key == peers[from].key && holding.first == 1;
    tree = plant(holding.origin, opening && joining && !is_its_beginning ? holding.last : 0, from);
    if (tree == nullptr) {
      if (peers[from].unproven >= config.unproven_origins_per_peer)
        misbehaved(from, Misdeed::too_many_origins, now, out);
      return;
    }
    sweep_later(now);
  }
  Side& side = tree->side(from);
  if (side.silenced) return;
  side.first = std::max(side.first, holding.first);
  side.has = std::max(side.has, holding.last);
  mark(*tree, holding.last, now);
  rearm(*tree, now);
  if (holding.origin == self) unblock(now, out);
}

}  // namespace bp2p::gossip
