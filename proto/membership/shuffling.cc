// Shuffles (paper, section 4.4): spares are exchanged with a daemon a random walk away. On its way a shuffle also says
// whether its origin is short of a link, for nearly all others are full and would refuse it. Where nothing happens there
// is nothing to exchange: then they become rare, and as frequent as before with the first news.
#include <algorithm>

#include "proto/membership/hyparview.h"
#include "proto/wire/limits.h"

namespace bp2p::membership {

/// Once a round. Links that are exchanged, by swaps or for a newcomer, are no news: that goes on all the time.
void HyParView::shuffle_or_rest(Effects& out) {
  ++rounds_since_shuffle_;
  if (has_news_ || is_short()) shuffle_every_ = 1;
  if (rounds_since_shuffle_ < shuffle_every_) return;
  if (!has_news_) shuffle_every_ = std::min(2 * shuffle_every_, config_.shuffle_rest_max);
  rounds_since_shuffle_ = 0;
  has_news_ = false;
  shuffle(out);
}

void HyParView::shuffle(Effects& out) {
  shuffle_open_ = false;
  const ContactPtr next = view_.random_active(rng_);
  if (!next) return;
  shuffled_ = view_.sample(config_.shuffle_active, config_.shuffle_passive, next->key, rng_);
  shuffle_open_ = true;
  out.emplace_back(Send{next, Shuffle{self_, config_.arwl, is_short(), shuffled_}});
}

void HyParView::on(const From& from, const Shuffle& shuffle, TimePoint now, Effects& out) {
  if (!view_.is_active(from.peer->key)) return void(++counters_.not_a_neighbour);
  const ContactPtr& origin = shuffle.origin;
  if (is_self(origin->key)) return;
  if (shuffle.has_room && !view_.is_full() && !view_.is_active(origin->key) && !is_asked(origin->key) &&
      asked_.size() < limits::walk_ends_max)
    ask(origin, Wanted::link, now, out);
  const std::uint8_t ttl = std::min(shuffle.ttl, config_.arwl);
  if (ttl > 1) {
    if (const ContactPtr next = view_.random_active(rng_, from.peer->key, origin->key)) {
      Shuffle onward{origin, static_cast<std::uint8_t>(ttl - 1), shuffle.has_room, shuffle.sample};
      if (onward.sample.size() > limits::contacts_per_message_max) onward.sample.resize(limits::contacts_per_message_max);
      return void(out.emplace_back(Send{next, std::move(onward)}));
    }
  }
  // As many as came (paper), all of them spares.
  const std::size_t count = std::min(shuffle.sample.size() + 1, config_.shuffle_active + config_.shuffle_passive + 1);
  const Contacts answer = view_.sample(0, count, origin->key, rng_);
  out.emplace_back(Send{origin, ShuffleReply{answer}});
  if (!view_.is_active(origin->key) && !is_asked(origin->key)) out.emplace_back(LinkNotNeeded{origin->key});
  merge({origin}, answer, now);
  merge(shuffle.sample, answer, now);
}

/// From whomever the walk ended at, so from anybody: one per shuffle.
void HyParView::on(const From&, const ShuffleReply& reply, TimePoint now, Effects&) {
  if (!shuffle_open_) return;
  shuffle_open_ = false;
  merge(reply.sample, shuffled_, now);
  shuffled_.clear();
}

void HyParView::merge(const Contacts& sample, const Contacts& sent, TimePoint now) {
  std::vector<PublicKey> expendable;
  expendable.reserve(sent.size());
  for (const ContactPtr& each : sent) expendable.push_back(each->key);
  const std::size_t count = std::min(sample.size(), limits::contacts_per_message_max);
  for (std::size_t i = 0; i < count; ++i) {
    view_.keep(sample[i], now, rng_, expendable);
    if (!is_self(sample[i]->key)) has_news_ |= book_.on_heard(sample[i], now);
  }
}

}  // namespace bp2p::membership
