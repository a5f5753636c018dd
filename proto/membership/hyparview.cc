#include "proto/membership/hyparview.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace bp2p::membership {

HyParView::HyParView(const Config& config, ContactPtr self, AddressBook book, Rng rng, TimePoint now)
    : config_(config),
      self_(std::move(self)),
      rng_(rng),
      view_(self_->key, config_),
      book_(std::move(book)),
      high_limit_(config_.high_gap),
      keep_alive_at_(now + jitter(config_.keep_alive)),
      round_at_(now + jitter(config_.shuffle_period)),
      probe_at_(now + jitter(config_.base_backoff)),  // a restarted daemon has nobody but its book
      next_join_eviction_(now),
      next_swap_(now) {}

void HyParView::join(const ContactPtr& contact, TimePoint now, Effects& out) {
  away_ = false;
  has_news_ = true;
  if (is_self(contact->key) || view_.is_active(contact->key)) return;
  view_.keep(contact, now, rng_);
  forget_asked(contact->key);
  ask(contact, is_alone() ? Wanted::join : Wanted::revival, now, out);
}

void HyParView::leave(TimePoint now, Effects& out) {
  away_ = true;
  while (!view_.active().empty()) {
    const ContactPtr peer = view_.active().back().contact;
    out.emplace_back(Send{peer, Disconnect{true, view_.sample(1, config_.shuffle_passive, peer->key, rng_)}});
    drop(peer->key, DownReason::left, now, out);
  }
  for (const Asked& each : asked_) out.emplace_back(LinkNotNeeded{each.peer->key});
  if (swap_) out.emplace_back(LinkNotNeeded{swap_->candidate->key});
  asked_.clear();
  swap_.reset();
}

void HyParView::on_message(const ContactPtr& from, const Address& address, const Message& message, TimePoint now,
                           Effects& out) {
  if (is_self(from->key)) return;
  // The newest boot epoch wins. An old one's words can still be in flight; a new one's clear what the old one left.
  const Spare* spare = view_.find_passive(from->key);
  if (spare && from->epoch < spare->contact->epoch) return void(++counters_.stale);
  if (Neighbour* neighbour = view_.find_active(from->key)) {
    if (from->epoch < neighbour->contact->epoch) return void(++counters_.stale);
    if (from->epoch > neighbour->contact->epoch) {
      forget_asked(from->key);
      drop(from->key, DownReason::restarted, now, out);
    } else {
      neighbour->heard = now;
    }
  }
  view_.refresh(from);
  std::visit([&](const auto& each) { on(From{from, address}, each, now, out); }, message);
  settle(now, out);
}

void HyParView::on_link_closed(const PublicKey& peer, TimePoint now, Effects& out) {
  const Neighbour* neighbour = view_.find_active(peer);
  const bool wanted = is_asked(peer) || (swap_ && swap_->candidate->key == peer);
  if (!neighbour && !wanted) return;
  if (neighbour) drop(peer, DownReason::lost, now, out);
  on_failure(peer, now, out);
  settle(now, out);
}

void HyParView::on_unreachable(const PublicKey& peer, TimePoint now, Effects& out) { on_link_closed(peer, now, out); }

void HyParView::on_contact(const ContactPtr& contact) {
  if (is_self(contact->key)) {
    if (is_newer(*contact, *self_)) self_ = contact;
    return;
  }
  view_.refresh(contact);
}

void HyParView::on_time(TimePoint now, Effects& out) {
  if (away_) return;
  for (std::size_t i = 0; i < asked_.size();) {
    if (now < asked_[i].until) {
      ++i;
      continue;
    }
    const Asked late = std::move(asked_[i]);
    asked_.erase(asked_.begin() + static_cast<std::ptrdiff_t>(i));
    if (late.wanted != Wanted::handover) on_failure(late.peer->key, now, out);
    else out.emplace_back(LinkNotNeeded{late.peer->key});
  }
  if (swap_ && now >= swap_->until) {
    out.emplace_back(LinkNotNeeded{swap_->candidate->key});
    swap_.reset();
  }
  if (now >= keep_alive_at_) on_keep_alive_time(now, out);
  if (now >= round_at_) on_round(now, out);
  if (now >= probe_at_) {
    probe_at_ = now + until_next_probe(now);
    probe(now, out);
  }
  settle(now, out);
}

void HyParView::on_keep_alive_time(TimePoint now, Effects& out) {
  // Were we stopped ourselves, then nobody's silence says anything (Lifeguard): all begin a new period.
  if (now - keep_alive_at_ >= config_.keep_alive)
    for (const Neighbour& each : view_.active()) view_.find_active(each.contact->key)->heard = now;
  keep_alive_at_ = now + config_.keep_alive;
  std::vector<PublicKey> silent;
  for (const Neighbour& each : view_.active()) {
    if (now - each.heard > config_.keep_alives_missed * config_.keep_alive) silent.push_back(each.contact->key);
    else out.emplace_back(Send{each.contact, KeepAlive{}});
  }
  for (const PublicKey& peer : silent) {
    drop(peer, DownReason::lost, now, out);
    on_failure(peer, now, out);
  }
}

void HyParView::on_round(TimePoint now, Effects& out) {
  // A tenth of jitter, so that daemons started together do not stay together.
  round_at_ = now + config_.shuffle_period - config_.shuffle_period / 20 + jitter(config_.shuffle_period / 10);
  if (refusals_ > 0) ++rounds_refused_;
  if (view_.active().size() + 2 > config_.active_size) rounds_refused_ = 0;
  refusals_ = 0;
  book_.expire(now);
  // Who is alone has nobody to hear of others from.
  if (!view_.active().empty()) view_.forget_older_than(now - config_.passive_max_age);
  shuffle_or_rest(out);
  swap(now, out);
}

void HyParView::settle(TimePoint now, Effects& out) {
  if (away_) return;
  refill(now, out);
  if (is_in_need(now)) probe_at_ = std::min(probe_at_, now + until_next_probe(now));
}

TimePoint HyParView::next_deadline() const {
  // Who knows nobody waits to be told of somebody.
  if (away_ || (view_.active().empty() && view_.passive().empty() && book_.size() == 0 && asked_.empty())) return never;
  TimePoint next = std::min({keep_alive_at_, round_at_, probe_at_});
  for (const Asked& each : asked_) next = std::min(next, each.until);
  if (swap_) next = std::min(next, swap_->until);
  if (is_short() && refusals_ < config_.refusals_per_period)
    for (const Spare& each : view_.passive())
      if (!is_asked(each.contact->key)) next = std::min(next, each.not_before);
  return next;
}

void HyParView::enter(const ContactPtr& peer, Direction direction, TimePoint now, Effects& out) {
  forget_asked(peer->key);
  view_.enter(peer, direction, now);
  rounds_refused_ = 0;
  book_.on_met(peer, now);
  out.emplace_back(PeerUp{peer->key});
}

void HyParView::drop(const PublicKey& peer, DownReason reason, TimePoint now, Effects& out) {
  const Neighbour* neighbour = view_.find_active(peer);
  BP2P_CHECK(neighbour);
  const ContactPtr contact = neighbour->contact;
  view_.remove(peer);
  has_news_ |= reason == DownReason::restarted || reason == DownReason::left;
  if (reason == DownReason::left && !away_) book_.on_left(peer);
  else view_.keep(contact, now, rng_);
  out.emplace_back(PeerDown{peer, reason});
  if (reason != DownReason::lost) out.emplace_back(LinkNotNeeded{peer});
}

/// A neighbour asks to become one: it has forgotten that it is, unless both have asked just now. It keeps its place; what
/// was said to it so far is void.
void HyParView::begin_anew(const PublicKey& peer, TimePoint now, Effects& out) {
  if (now - view_.find_active(peer)->since < config_.pending_timeout) return;
  out.emplace_back(PeerDown{peer, DownReason::disconnected});
  out.emplace_back(PeerUp{peer});
}

std::optional<HyParView::Wanted> HyParView::wanted_of(const PublicKey& peer) const {
  for (const Asked& each : asked_)
    if (each.peer->key == peer) return each.wanted;
  return std::nullopt;
}

void HyParView::forget_asked(const PublicKey& peer) {
  std::erase_if(asked_, [&](const Asked& each) { return each.peer->key == peer; });
}

/// It could not be reached, or its link broke, or it did not answer.
void HyParView::on_failure(const PublicKey& peer, TimePoint now, Effects& out) {
  forget_asked(peer);
  has_news_ = true;
  if (swap_ && swap_->candidate->key == peer) swap_.reset();
  book_.on_lost(peer, now);
  out.emplace_back(LinkNotNeeded{peer});
  Spare* spare = view_.find_passive(peer);
  if (!spare) return;
  if (++spare->failures >= config_.max_fail_count) return view_.forget(peer);
  const Duration wait = config_.base_backoff * (std::int64_t{1} << std::min(spare->failures - 1, 10u));
  spare->not_before = now + wait + jitter(wait / 2);
}

Duration HyParView::jitter(Duration below) {
  return below.count() <= 0 ? Duration{0} : Duration{static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(below.count())))};
}

bool HyParView::is_in_need(TimePoint now) const {
  if (view_.active().empty()) return book_.size() > 0;
  return is_short() && std::ranges::none_of(view_.passive(), [&](const Spare& each) { return may_ask(each, now); }) &&
         book_.has_untried(now, config_.book_retry);
}

Duration HyParView::until_next_probe(TimePoint now) {
  if (is_in_need(now)) {  // once through the book in 40 s, which leaves I9 the rest of its 60
    const Duration wait = book_.has_untried(now, config_.book_retry) ? config_.base_backoff / 2 : config_.base_backoff;
    return wait + jitter(wait);
  }
  // Once per ten cycles and daemon is plenty among thousands; where few are known, those few must do it in time (I9).
  const std::size_t known = std::min(view_.active().size() + view_.passive().size(), config_.passive_size);
  const Duration mean = std::max<Duration>(config_.shuffle_period, config_.shuffle_period * config_.probe_cycles * known / config_.passive_size);
  return mean / 2 + jitter(mean);
}

std::size_t HyParView::places_kept(const PublicKey& but) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      asked_, [&](const Asked& each) { return each.wanted == Wanted::handover && each.peer->key != but; }));
}

std::size_t HyParView::links_coming() const {
  return view_.active().size() + static_cast<std::size_t>(std::ranges::count_if(asked_, [](const Asked& each) {
           return each.wanted != Wanted::walk_end && each.wanted != Wanted::revival;
         }));
}

}  // namespace bp2p::membership
