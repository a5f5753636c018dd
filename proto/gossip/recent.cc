#include "proto/gossip/recent.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace bp2p::gossip {
namespace {

std::size_t cost(const Recent::Kept& kept) { return kept.payload->size() + Recent::overhead; }

}  // namespace

void Recent::add(Kept kept) {
  BP2P_CHECK(!has_seen(kept.number));
  bytes_ += cost(kept);
  bytes_ever_ += cost(kept);
  const std::uint64_t number = kept.number;
  beyond_.emplace(number, std::move(kept));
}

const Recent::Kept* Recent::advance() {
  const auto next = beyond_.find(contiguous_ + 1);
  if (next == beyond_.end()) return nullptr;
  kept_.push_back(std::move(next->second));
  beyond_.erase(next);
  ++contiguous_;
  return &kept_.back();
}

const Recent::Kept* Recent::find(std::uint64_t number) const {
  if (number > contiguous_) {
    const auto it = beyond_.find(number);
    return it == beyond_.end() ? nullptr : &it->second;
  }
  return number < first() ? nullptr : &kept_[head_ + (number - first())];
}

void Recent::drop_oldest() {
  BP2P_CHECK(kept_count() > 0);
  bytes_ -= cost(kept_[head_]);
  kept_[head_++].payload.reset();
  if (head_ == kept_.size()) {
    kept_ = {};
    head_ = 0;
  } else if (head_ * 2 >= kept_.size()) {
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Recent::drop_furthest() {
  BP2P_CHECK(!beyond_.empty());
  bytes_ -= cost(beyond_.rbegin()->second);
  beyond_.erase(std::prev(beyond_.end()));
}

void Recent::skip_to(std::uint64_t number) {
  while (kept_count() > 0) drop_oldest();
  while (!beyond_.empty() && beyond_.begin()->first < number) {
    bytes_ -= cost(beyond_.begin()->second);
    beyond_.erase(beyond_.begin());
  }
  contiguous_ = number - 1;
}

std::vector<Range> Recent::holes(std::uint64_t low, std::uint64_t high, std::size_t most) const {
  std::vector<Range> found;
  std::uint64_t from = std::max(low, contiguous_ + 1);
  for (auto it = beyond_.lower_bound(from); from <= high && found.size() < most; ++it) {
    const std::uint64_t until = it == beyond_.end() ? high + 1 : std::min(it->first, high + 1);
    if (from < until) found.push_back({from, until - 1});
    if (it == beyond_.end()) break;
    from = it->first + 1;
  }
  return found;
}

}  // namespace bp2p::gossip
