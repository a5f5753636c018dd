#include <algorithm>
#include <chrono>

#include "proto/gossip/impl.h"

namespace bp2p::gossip {
namespace {

constexpr std::uint8_t broken_max = 3;
constexpr Duration look_again_after = std::chrono::milliseconds{250};  // for room, for our rate; guess

}  // namespace

Duration Plumtree::Impl::graft_after() const {
  return std::clamp(3 * spread.p999(), config.graft_after, config.graft_after_max);
}

Duration Plumtree::Impl::again_after(const Tree& tree) const {
  const Duration first = std::max(config.graft_again, graft_after() / 2);
  return first * (1 << std::clamp(tree.rounds - 1, 0, 3));
}

void Plumtree::Impl::mark(Tree& tree, std::uint64_t upto, TimePoint now) {
  if (upto <= tree.recent.contiguous() || (!tree.marks.empty() && tree.marks.back().upto >= upto)) return;
  if (tree.marks.size() == Tree::marks_max)
    tree.marks.back().upto = upto;  // a little early for the newest
  else
    tree.marks.push_back({upto, now});
}

void Plumtree::Impl::set_wake(Tree& tree, TimePoint at) {
  tree.waits_for = tree.recent.contiguous();
  if (tree.wake == at) return;
  if (tree.wake != never) wakes.erase({tree.wake, tree.id});
  tree.wake = at;
  if (at != never) wakes.insert({at, tree.id});
}

void Plumtree::Impl::rearm(Tree& tree, TimePoint now) {
  const auto first = std::ranges::find_if(tree.marks, [&](const Mark& m) { return m.upto > tree.recent.contiguous(); });
  tree.marks.erase(tree.marks.begin(), first);
  const bool progress = tree.recent.contiguous() > tree.waits_for;
  if (progress || tree.marks.empty()) {
    tree.rounds = 0;
    tree.stuck.reset();
  }
  if (tree.marks.empty()) return set_wake(tree, never);
  if (tree.wake != never && !progress) return;
  // While an answer is coming in, the second timer waits for the rest of it.
  const bool asked = std::ranges::any_of(tree.sides, [](const Side& side) { return side.asked_from != 0; });
  set_wake(tree, asked ? now + again_after(tree) : std::max(now, tree.marks.front().at + graft_after()));
}

// The one that keeps the lowest of what is missing; among equals, the next after the last one asked.
std::optional<Slot> Plumtree::Impl::source(Tree& tree) {
  std::optional<Slot> best;
  std::uint64_t best_low = number_max;
  for (std::size_t i = 1; i <= peers.size(); ++i) {
    const Slot slot = (tree.last_asked + i) % peers.size();
    if (!peers[slot].up) continue;
    const Side& side = tree.side(slot);
    if (side.silenced || side.asked_from != 0) continue;
    const auto holes = tree.recent.holes(side.first, side.has, 1);
    if (holes.empty() || holes.front().from >= best_low) continue;
    best = slot;
    best_low = holes.front().from;
  }
  return best;
}

void Plumtree::Impl::on_wake(Tree& tree, TimePoint now, Effects& out) {
  for (Slot slot = 0; slot < tree.sides.size(); ++slot) {
    Side& side = tree.sides[slot];
    if (side.asked_from == 0 || now - side.asked_at < config.answer_after) continue;
    side.asked_from = 0;
    side.silenced = true;
    misbehaved(slot, Misdeed::graft_unanswered, now, out);
  }
  const std::optional<Slot> slot = source(tree);
  if (!slot) return on_no_source(tree, now, out);
  // A GRAFT for what there is no room for would come for nothing, again and again.
  const std::size_t some = std::min(config.answer_bytes_max, config.window_bytes / 8);
  if (!make_room(tree, tree.recent.contiguous() + 1, some, now) || !peers[*slot].asks.take(now))
    return set_wake(tree, now + look_again_after);
  Side& side = tree.side(*slot);
  Graft graft{tree.id, tree.recent.holes(side.first, side.has, ranges_per_graft_max)};
  side.asked_from = graft.ranges.front().from;
  side.asked_at = now;
  side.refused = false;
  tree.last_asked = *slot;
  ++counters.grafts_sent;
  send(*slot, std::move(graft), 64, out);
  if (tree.rounds < 255) ++tree.rounds;
  set_wake(tree, now + again_after(tree));
}

void Plumtree::Impl::on_no_source(Tree& tree, TimePoint now, Effects& out) {
  bool waiting = false, let_go = false;
  for (Slot slot = 0; slot < tree.sides.size(); ++slot) {
    const Side& side = tree.sides[slot];
    if (!peers[slot].up) continue;
    waiting |= side.asked_from != 0;
    let_go |= !side.silenced && side.first > tree.recent.contiguous() + 1;
  }
  if (waiting) {
    tree.stuck.reset();
    return set_wake(tree, now + again_after(tree));
  }
  if (tree.recent.beyond().empty()) {  // only announced, by peers that are gone or not believed
    tree.marks.clear();
    return rearm(tree, now);
  }
  if (!tree.stuck) tree.stuck = now;
  // An origin that was silent when we came: whoever was asked says where it stands.
  const bool unknown = tree.tentative && tree.recent.contiguous() == 0;
  const TimePoint until = *tree.stuck + (!let_go ? config.keep_for : unknown ? Duration::zero() : config.gap_after);
  if (now < until) return set_wake(tree, std::min(until, now + look_again_after));
  // Only a verified payload proves that these numbers were ever used, so nobody can talk us past what is still to come.
  const std::uint64_t begin = tree.recent.beyond().begin()->first;
  const std::uint64_t missed = tree.recent.contiguous() + 1;
  if (!tree.tentative) {
    counters.gaps += begin - missed;
    out.emplace_back(Gap{tree.id, missed, begin - 1});
  }
  tree.recent.skip_to(begin);
  deliver_ready(tree, out);
  recount(tree);
  mark_dirty(tree, now);
  rearm(tree, now);
}

void Plumtree::Impl::on_graft(Slot from, const Graft& graft, TimePoint now, Effects& out) {
  if (!peers[from].grafts.take(now)) {
    ++counters.refused_rate;
    return misbehaved(from, Misdeed::graft_storm, now, out);
  }
  if (graft.ranges.empty() || graft.ranges.size() > ranges_per_graft_max)
    return misbehaved(from, Misdeed::malformed, now, out);
  std::uint64_t above = 0;
  for (const Range& range : graft.ranges) {
    if (range.from <= above || range.to < range.from || range.to >= number_max)
      return misbehaved(from, Misdeed::malformed, now, out);
    above = range.to;
  }
  Tree* tree = find(graft.origin);
  if (tree == nullptr || !tree->proven)  // gone here since it was announced
    return send(from, Grafted{{graft.origin, 1, 0}}, 64, out);
  serve(*tree, from, graft.ranges, now, out);
}

void Plumtree::Impl::serve(Tree& tree, Slot to, const std::vector<Range>& ranges, TimePoint now, Effects& out) {
  Side& side = tree.side(to);
  if (peers[to].slow) {  // when its stream has room
    side.owed = ranges.front().from;
    return;
  }
  side.owed = 0;
  std::size_t bytes = 0;
  bool whole = true;
  const auto give = [&](const Recent::Kept& kept) {
    if (bytes >= config.answer_bytes_max) return whole = false;
    bytes += kept.payload->size() + Recent::overhead;
    send(to, Gossip{tree.id, kept.number, tree.recent.contiguous(), kept.payload}, kept.payload->size() + 64, out);
    return true;
  };
  const Recent& recent = tree.recent;
  for (const Range& range : ranges) {
    const std::uint64_t kept_to = std::min(range.to, recent.contiguous());
    for (std::uint64_t n = std::max(range.from, recent.first()); n <= kept_to && give(*recent.find(n));) ++n;
    for (auto it = recent.beyond().lower_bound(range.from);
         whole && it != recent.beyond().end() && it->first <= range.to && give(it->second);)
      ++it;
  }
  ++counters.grafts_answered;
  side.told = recent.contiguous();
  side.told_bytes = recent.bytes_ever();
  send(to, Grafted{tree.holding()}, 64, out);
  // One that is far behind is pushed to when it has caught up; what is pushed before, it could only hold back.
  side.eager = whole;
  if (!whole) side.told = 0;
  mark_dirty(tree, now);
}

void Plumtree::Impl::on_grafted(Slot from, const Grafted& grafted, TimePoint now, Effects& out) {
  const Holding& holding = grafted.holding;
  if (holding.first == 0 || holding.last >= number_max || holding.first > holding.last + 1)
    return misbehaved(from, Misdeed::malformed, now, out);
  Tree* tree = find(holding.origin);
  if (tree == nullptr) return;  // gone since we asked
  Side& side = tree->side(from);
  const std::uint64_t asked = std::exchange(side.asked_from, 0);
  if (asked == 0) {
    if (!side.silenced) misbehaved(from, Misdeed::unasked_answer, now, out);
    return;
  }
  side.first = holding.first;
  side.has = holding.last;
  if (tree->recent.has_seen(asked)) {
    tree->rounds = 0;
    side.broken = 0;
  } else if (!side.refused && holding.first <= asked && asked <= holding.last && ++side.broken == broken_max) {
    side.silenced = true;
    misbehaved(from, Misdeed::broken_promise, now, out);
  }
  // It keeps nothing of what is missing, and is not asked for it again: one source less, which is not a failure. Else a
  // newcomer would ask each neighbour twice as late as the one before, for what nobody keeps.
  if (tree->rounds > 0 && tree->recent.holes(side.first, side.has, 1).empty()) --tree->rounds;
  mark(*tree, holding.last, now);
  rearm(*tree, now);
  if (tree->marks.empty()) return;
  // The answer was cut at its bound, or it was no answer: the next source, but not at once when none has helped so far.
  const bool due = tree->marks.front().at + graft_after() <= now;
  if (due) set_wake(*tree, tree->rounds < 2 && !side.refused ? now : now + again_after(*tree));
}

}  // namespace bp2p::gossip
