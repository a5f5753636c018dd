#include "proto/core/crawl.h"

#include <algorithm>

#include "proto/base/check.h"
#include "proto/wire/limits.h"

namespace bp2p {

using membership::ContactPtr;

Crawl::Crawl(const PublicKey& self, const std::vector<ContactPtr>& neighbours, const std::vector<ContactPtr>& members, TimePoint now)
    : begun_(now), members_(members.begin(), members.end()) {
  daemons_.emplace(self, Daemon{});
  take_view(self, neighbours);
}

void Crawl::take_view(const PublicKey& of, const std::vector<ContactPtr>& neighbours) {
  Daemon& daemon = daemons_.at(of);
  daemon.answer = Answer::given;
  for (const ContactPtr& each : neighbours) {
    if (each->key == of || std::ranges::contains(daemon.neighbours, each->key)) continue;
    daemon.neighbours.push_back(each->key);
    // A contact may have 32 KiB, so there are no more of them than can be asked.
    if (daemons_.emplace(each->key, Daemon{}).second && asked_ + found_.size() < limits::crawl_asked_max) found_.push_back(each);
  }
}

std::size_t Crawl::under_way(TimePoint now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(awaited_, [&](const auto& each) { return now - each.second < crawl_patience; }));
}

ContactPtr Crawl::next(TimePoint now) {
  const std::size_t waiting = under_way(now);
  if (now - begun_ >= crawl_budget || asked_ >= limits::crawl_asked_max || waiting >= limits::crawl_under_way_max) return nullptr;
  is_walked_ |= found_.empty() && waiting == 0;
  while (found_.empty() && is_walked_ && !members_.empty()) {
    if (daemons_.emplace(members_.front()->key, Daemon{}).second) found_.push_back(members_.front());
    members_.pop_front();
  }
  if (found_.empty()) return nullptr;
  const ContactPtr chosen = found_.front();
  found_.pop_front();
  daemons_.at(chosen->key).answer = Answer::none;
  awaited_.emplace(chosen->key, now);
  ++asked_;
  return chosen;
}

void Crawl::leave_out(const PublicKey& key) {
  BP2P_CHECK(is_awaited(key));
  awaited_.erase(key);
  daemons_.at(key).answer = Answer::not_asked;
}

bool Crawl::is_awaited(const PublicKey& key) const { return awaited_.contains(key); }

void Crawl::on_view(const PublicKey& from, const std::vector<ContactPtr>& neighbours) {
  BP2P_CHECK(is_awaited(from));
  awaited_.erase(from);
  take_view(from, neighbours);
}

void Crawl::on_unreachable(const PublicKey& key) { awaited_.erase(key); }

bool Crawl::is_over(TimePoint now) const {
  if (now - begun_ >= crawl_budget) return true;
  const bool may_ask = asked_ < limits::crawl_asked_max && (!found_.empty() || !members_.empty());
  return !may_ask && under_way(now) == 0;
}

TimePoint Crawl::next_deadline(TimePoint now) const {
  TimePoint next = begun_ + crawl_budget;
  for (const auto& [key, since] : awaited_)
    if (since + crawl_patience > now) next = std::min(next, since + crawl_patience);
  return next;
}

}  // namespace bp2p
