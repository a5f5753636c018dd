#include <algorithm>

#include "proto/base/check.h"
#include "proto/gossip/impl.h"

namespace bp2p::gossip {

Tree* Plumtree::Impl::find(const OriginId& origin) {
  const auto it = trees.find(origin);
  return it == trees.end() ? nullptr : &it->second;
}

// A daemon's proven epoch is the lowest that there is a tree of: prove() ends those before it, and none comes back. So
// one look is enough, however many later epochs somebody has announced.
bool Plumtree::Impl::is_stale(const OriginId& origin) const {
  if (const auto it = gone.find(origin.key); it != gone.end() && it->second.epoch > origin.epoch) return true;
  const auto lowest = trees.lower_bound(OriginId{origin.key, 0});
  return lowest != trees.end() && lowest->first.key == origin.key && lowest->second.proven && origin < lowest->first;
}

Tree* Plumtree::Impl::plant(const OriginId& origin, std::uint64_t contiguous, std::optional<Slot> introduced_by) {
  if (introduced_by && peers[*introduced_by].unproven >= config.unproven_origins_per_peer) {
    ++counters.refused_origins;
    return nullptr;
  }
  if (trees.size() >= config.origins_max) {
    // A payload that was verified displaces what was only announced, and then what is silent.
    const auto victim = introduced_by ? trees.end() : std::ranges::find_if(trees, [&](const auto& entry) {
      const Tree& tree = entry.second;
      return unproven > 0 ? !tree.proven : entry.first != self && tree.recent.bytes() == 0;
    });
    if (victim == trees.end()) {
      ++counters.refused_origins;
      return nullptr;
    }
    if (victim->second.proven) remember_gone(victim->second);
    fell(victim->first);
  }
  const auto seen = gone.find(origin.key);
  const bool back = seen != gone.end() && seen->second.epoch == origin.epoch;
  Tree& tree = trees.emplace(origin, Tree{origin, Recent{back ? seen->second.contiguous : contiguous}}).first->second;
  tree.tentative = !back || seen->second.tentative;
  tree.waits_for = tree.recent.contiguous();
  if (introduced_by) {
    tree.introduced_by = *introduced_by;
    ++peers[*introduced_by].unproven;
  }
  ++unproven;
  return &tree;
}

void Plumtree::Impl::prove(Tree& tree) {
  if (tree.proven) return;
  tree.proven = true;
  --unproven;
  if (tree.introduced_by && peers[*tree.introduced_by].unproven > 0) --peers[*tree.introduced_by].unproven;
  tree.introduced_by.reset();
  const OriginId id = tree.id;
  for (auto it = trees.lower_bound(OriginId{id.key, 0}); it != trees.end() && it->first < id;) {
    const OriginId older = it->first;
    ++it;
    fell(older);
  }
  gone.erase(id.key);
}

void Plumtree::Impl::fell(const OriginId& origin) {
  const auto it = trees.find(origin);
  BP2P_CHECK(it != trees.end() && origin != self);
  Tree& tree = it->second;
  set_wake(tree, never);
  kept_bytes -= tree.counted;
  if (!tree.proven) {
    --unproven;
    if (tree.introduced_by && peers[*tree.introduced_by].unproven > 0) --peers[*tree.introduced_by].unproven;
  }
  trees.erase(it);
}

void Plumtree::Impl::remember_gone(const Tree& tree) {
  gone[tree.id.key] = {tree.id.epoch, tree.recent.contiguous(), tree.tentative};
  gone_order.push_back(tree.id.key);
  // The order may name a key twice, or one that came back: it is as long as the table, and no longer.
  while (gone_order.size() > config.gone_max) {
    gone.erase(gone_order.front());
    gone_order.pop_front();
  }
}

bool Plumtree::Impl::may_let_go(const Tree& tree, const Recent::Kept& kept, TimePoint now) const {
  if (kept.came + config.keep_for <= now) return true;
  for (Slot slot = 0; slot < peers.size(); ++slot)
    if (peers[slot].up && (slot >= tree.sides.size() || tree.sides[slot].has < kept.number)) return false;
  return true;
}

bool Plumtree::Impl::make_room(Tree& tree, std::uint64_t number, std::size_t size, TimePoint now) {
  const std::size_t needed = size + Recent::overhead;
  Recent& recent = tree.recent;
  bool fits = true;
  while (recent.bytes() + needed > config.window_bytes) {
    if (const Recent::Kept* oldest = recent.oldest(); oldest != nullptr && may_let_go(tree, *oldest, now)) {
      recent.drop_oldest();
    } else if (!recent.beyond().empty() && recent.beyond().rbegin()->first > number) {
      recent.drop_furthest();  // it can be grafted again; what comes first is worth more
    } else {
      fits = false;
      break;
    }
  }
  recount(tree);
  if (fits && kept_bytes + needed > config.kept_bytes_max) shed(needed, now);
  return fits;
}

void Plumtree::Impl::recount(Tree& tree) {
  kept_bytes += tree.recent.bytes() - tree.counted;
  tree.counted = tree.recent.bytes();
}

void Plumtree::Impl::shed(std::size_t needed, TimePoint now) {
  const std::size_t goal = config.kept_bytes_max - config.kept_bytes_max / 8;
  while (kept_bytes + needed > goal) {
    Tree& greediest = std::ranges::max_element(trees, {}, [](const auto& e) { return e.second.counted; })->second;
    const std::size_t half = greediest.counted / 2;
    if (greediest.counted == 0) return;
    while (greediest.recent.bytes() > half) {
      const Recent::Kept* oldest = greediest.recent.oldest();
      if (oldest == nullptr) {
        greediest.recent.drop_furthest();
        continue;
      }
      if (!may_let_go(greediest, *oldest, now)) ++counters.evicted_early;
      greediest.recent.drop_oldest();
    }
    recount(greediest);
  }
}

void Plumtree::Impl::sweep_later(TimePoint now) {
  // Eight times: what is kept too long is kept an eighth too long.
  if (sweep_at == never && kept_bytes + unproven > 0) sweep_at = now + config.keep_for / 8;
}

void Plumtree::Impl::sweep(TimePoint now) {
  sweep_at = never;
  std::vector<OriginId> unwanted;
  for (auto& [origin, tree] : trees) {
    while (tree.recent.oldest() != nullptr && tree.recent.oldest()->came + config.keep_for <= now)
      tree.recent.drop_oldest();
    recount(tree);
    if (tree.proven) continue;
    bool offered = false;
    for (Slot slot = 0; slot < tree.sides.size(); ++slot)
      offered |= peers[slot].up && !tree.sides[slot].silenced && tree.sides[slot].has > 0;
    if (!offered) unwanted.push_back(origin);
  }
  for (const OriginId& origin : unwanted) fell(origin);
  sweep_later(now);
}

void Plumtree::Impl::unblock(TimePoint now, Effects& out) {
  if (!blocked) return;
  Tree& own = *find(self);
  if (!make_room(own, own.recent.contiguous() + 1, *blocked, now)) return;
  blocked.reset();
  out.emplace_back(MayBroadcast{});
}

}  // namespace bp2p::gossip
