#include "proto/gossip/plumtree.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proto/base/check.h"
#include "proto/gossip/impl.h"

namespace bp2p::gossip {
namespace {

constexpr Duration report_every = std::chrono::minutes{1};

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};

}  // namespace

std::string_view describe(Misdeed what) {
  switch (what) {
    case Misdeed::malformed: return "a message that no daemon sends";
    case Misdeed::oversized: return "a payload that is too large";
    case Misdeed::bad_payload: return "a payload that its origin did not sign";
    case Misdeed::broken_promise: return "announces what it does not send";
    case Misdeed::graft_unanswered: return "does not answer GRAFT";
    case Misdeed::unasked_answer: return "answers a GRAFT that nobody sent";
    case Misdeed::graft_storm: return "too many GRAFTs";
    case Misdeed::announcement_storm: return "too many announcements";
    case Misdeed::prune_storm: return "too many PRUNEs";
    case Misdeed::duplicates: return "pushes duplicates in spite of PRUNE";
    case Misdeed::too_many_origins: return "announces too many unknown origins";
  }
  return "?";
}

Plumtree::Impl::Impl(Config with, OriginId of, Verify by) : config(with), self(of), verify(std::move(by)) {
  BP2P_CHECK(config.payload_bytes_max + Recent::overhead <= config.window_bytes);
  BP2P_CHECK(config.window_bytes <= config.kept_bytes_max / 2 && config.prune_after > 0);
  Tree& own = trees.emplace(self, Tree{self, Recent{0}}).first->second;
  own.proven = true;
  own.tentative = false;
}

void Plumtree::Impl::send(Slot to, Message message, std::size_t bytes, Effects& out) {
  Peer& peer = peers[to];
  peer.backlog += bytes;
  peer.slow |= peer.backlog > config.backlog_bytes_max;
  out.emplace_back(Send{peer.key, std::move(message)});
}

void Plumtree::Impl::misbehaved(Slot slot, Misdeed what, TimePoint now, Effects& out) {
  ++counters.misdeeds[static_cast<std::size_t>(what)];
  TimePoint& reported = peers[slot].reported[static_cast<std::size_t>(what)];
  if (reported != TimePoint::min() && now - reported < report_every) return;
  reported = now;
  out.emplace_back(Misbehaved{peers[slot].key, what});
}

void Plumtree::Impl::on_message(Slot from, const Message& message, TimePoint now, Effects& out) {
  std::visit(overloaded{
                 [&](const Gossip& m) { on_gossip(from, m, now, out); },
                 [&](const IHave& m) { on_holdings(from, m.holdings, false, now, out); },
                 [&](const Summary& m) {
                   on_holdings(from, m.holdings, true, now, out);
                   if (m.complete) joining = false;
                 },
                 [&](const Graft& m) { on_graft(from, m, now, out); },
                 [&](const Grafted& m) { on_grafted(from, m, now, out); },
                 [&](const Prune& m) { on_prune(from, m, now, out); },
             },
             message);
}

void Plumtree::Impl::on_backlog(Slot slot, std::size_t bytes, TimePoint now, Effects& out) {
  Peer& peer = peers[slot];
  peer.backlog = bytes;
  if (bytes > config.backlog_bytes_max) peer.slow = true;
  if (!peer.slow || bytes > config.backlog_bytes_max / 2) return;
  peer.slow = false;
  for (auto& [origin, tree] : trees)
    if (slot < tree.sides.size() && tree.sides[slot].owed != 0)
      serve(tree, slot, {{tree.sides[slot].owed, number_max - 1}}, now, out);
  if (!peer.slow) announce_all_to(slot, out);
}

void Plumtree::Impl::on_peer_down(const PublicKey& key, TimePoint now, Effects& out) {
  const auto it = slots.find(key);
  if (it == slots.end()) return;
  const Slot slot = it->second;
  slots.erase(it);
  peers[slot].up = false;
  for (auto& [origin, tree] : trees) {
    if (tree.introduced_by == slot) tree.introduced_by.reset();
    if (slot >= tree.sides.size()) continue;
    const bool asked = std::exchange(tree.sides[slot], Side{}).asked_from != 0;
    if (asked && tree.wake != never) set_wake(tree, now);  // the next source
  }
  unblock(now, out);
}

void Plumtree::Impl::on_time(TimePoint now, Effects& out) {
  while (!wakes.empty() && wakes.begin()->first <= now) {
    Tree& tree = *find(wakes.begin()->second);
    set_wake(tree, never);
    on_wake(tree, now, out);
  }
  if (sweep_at <= now) sweep(now);
  unblock(now, out);
  if (announce_at <= now) announce(out);
}

Plumtree::Plumtree(Config config, OriginId self, Verify verify)
    : impl_(std::make_unique<Impl>(config, self, std::move(verify))) {}
Plumtree::~Plumtree() = default;
Plumtree::Plumtree(Plumtree&&) noexcept = default;

std::uint64_t Plumtree::next_number() const { return impl_->trees.at(impl_->self).recent.contiguous() + 1; }

std::expected<std::uint64_t, NotNow> Plumtree::broadcast(Payload payload, TimePoint now, Effects& out) {
  BP2P_CHECK(payload != nullptr);
  if (payload->size() > impl_->config.payload_bytes_max) return std::unexpected(NotNow::too_large);
  Tree& own = *impl_->find(impl_->self);
  const std::uint64_t number = own.recent.contiguous() + 1;
  if (!impl_->make_room(own, number, payload->size(), now)) {
    impl_->blocked = payload->size();
    return std::unexpected(NotNow::window_full);
  }
  impl_->accept(own, std::nullopt, number, std::move(payload), now, out);
  return number;
}

void Plumtree::on_peer_up(const PublicKey& key, TimePoint now, Effects& out) {
  impl_->on_peer_down(key, now, out);  // another link of the same peer: what was said on the old one is void
  std::vector<Peer>& peers = impl_->peers;
  const auto free = std::ranges::find(peers, false, &Peer::up);
  const Slot slot = static_cast<Slot>(free - peers.begin());
  if (free == peers.end())
    peers.emplace_back(key, impl_->config);
  else
    *free = Peer{key, impl_->config};
  impl_->slots.emplace(key, slot);
  impl_->send_summary(slot, out);
}

void Plumtree::on_peer_down(const PublicKey& key, TimePoint now, Effects& out) { impl_->on_peer_down(key, now, out); }

void Plumtree::on_message(const PublicKey& from, const Message& message, TimePoint now, Effects& out) {
  if (const auto it = impl_->slots.find(from); it != impl_->slots.end())
    impl_->on_message(it->second, message, now, out);
}

void Plumtree::on_backlog(const PublicKey& key, std::size_t bytes, TimePoint now, Effects& out) {
  if (const auto it = impl_->slots.find(key); it != impl_->slots.end()) impl_->on_backlog(it->second, bytes, now, out);
}

void Plumtree::on_origin_gone(const PublicKey& key) {
  if (key == impl_->self.key) return;
  auto& trees = impl_->trees;
  for (auto it = trees.lower_bound(OriginId{key, 0}); it != trees.end() && it->first.key == key;) {
    const OriginId origin = it->first;
    if (it->second.proven) impl_->remember_gone(it->second);
    ++it;
    impl_->fell(origin);
  }
}

void Plumtree::on_time(TimePoint now, Effects& out) { impl_->on_time(now, out); }

TimePoint Plumtree::next_deadline() const {
  TimePoint next = std::min(impl_->announce_at, impl_->sweep_at);
  if (!impl_->wakes.empty()) next = std::min(next, impl_->wakes.begin()->first);
  if (impl_->blocked)
    if (const Recent::Kept* oldest = impl_->trees.at(impl_->self).recent.oldest())
      next = std::min(next, oldest->came + impl_->config.keep_for);
  return next;
}

const Counters& Plumtree::counters() const { return impl_->counters; }

Usage Plumtree::usage() const {
  Usage usage{.peers = impl_->slots.size(),
              .origins = impl_->trees.size(),
              .unproven_origins = impl_->unproven,
              .gone = impl_->gone.size(),
              .kept_bytes = impl_->kept_bytes};
  for (const auto& [origin, tree] : impl_->trees)
    usage.kept_bytes_of_one = std::max(usage.kept_bytes_of_one, tree.recent.bytes());
  return usage;
}

Duration Plumtree::graft_after() const { return impl_->graft_after(); }

}  // namespace bp2p::gossip
