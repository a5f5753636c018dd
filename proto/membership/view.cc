#include "proto/membership/view.h"

#include <algorithm>

#include "proto/base/check.h"

namespace bp2p::membership {
namespace {

template <class Entries>
auto find_in(Entries& entries, const PublicKey& key) -> decltype(entries.data()) {
  for (auto& entry : entries)
    if (entry.contact->key == key) return &entry;
  return nullptr;
}

/// Appends up to `count` of `from`, at random, without an order that says anything.
void draw(Contacts& into, std::vector<const ContactPtr*>& from, std::size_t count, Rng& rng) {
  count = std::min(count, from.size());
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(from[i], from[i + rng.below(from.size() - i)]);
    into.push_back(*from[i]);
  }
}

}  // namespace

View::View(const PublicKey& self, const Config& config)
    : self_(self),
      active_size_(static_cast<std::uint32_t>(config.active_size)),
      passive_size_(static_cast<std::uint32_t>(config.passive_size)) {
  BP2P_CHECK(active_size_ > 0 && passive_size_ > 0);
}

Neighbour* View::find_active(const PublicKey& key) { return find_in(active_, key); }
Spare* View::find_passive(const PublicKey& key) { return find_in(passive_, key); }
bool View::is_active(const PublicKey& key) const { return find_in(active_, key) != nullptr; }

void View::enter(const ContactPtr& contact, Direction direction, TimePoint now) {
  BP2P_CHECK(!is_full() && contact->key != self_ && !is_active(contact->key));
  forget(contact->key);
  active_.push_back({contact, direction, now, now});
}

void View::remove(const PublicKey& key) {
  std::erase_if(active_, [&](const Neighbour& neighbour) { return neighbour.contact->key == key; });
}

void View::keep(const ContactPtr& contact, TimePoint now, Rng& rng, std::span<const PublicKey> expendable) {
  if (contact->key == self_) return;
  if (is_active(contact->key) || find_passive(contact->key)) return refresh(contact);
  if (passive_.size() < passive_size_) {
    passive_.push_back({contact, now});
    return;
  }
  auto victim = std::ranges::find_if(passive_, [&](const Spare& spare) {
    return std::ranges::find(expendable, spare.contact->key) != expendable.end();
  });
  if (victim == passive_.end())
    victim = std::ranges::find_if(passive_, [](const Spare& spare) { return spare.failures > 0; });
  if (victim == passive_.end()) victim = passive_.begin() + static_cast<std::ptrdiff_t>(rng.below(passive_.size()));
  *victim = {contact, now};
}

void View::forget(const PublicKey& key) {
  std::erase_if(passive_, [&](const Spare& spare) { return spare.contact->key == key; });
}

void View::forget_older_than(TimePoint limit) {
  std::erase_if(passive_, [&](const Spare& spare) { return spare.since < limit; });
}

void View::refresh(const ContactPtr& contact) {
  if (Neighbour* neighbour = find_active(contact->key)) {
    // A newer epoch says that the link we have is of a daemon that is gone; the link has to say so itself.
    if (contact->epoch == neighbour->contact->epoch && is_newer(*contact, *neighbour->contact)) neighbour->contact = contact;
  } else if (Spare* spare = find_passive(contact->key)) {
    if (!is_newer(*contact, *spare->contact)) return;
    if (contact->epoch > spare->contact->epoch) *spare = {contact, spare->since};  // it has started again: old failures say nothing
    else spare->contact = contact;
  }
}

const Neighbour* View::newest_inbound(std::size_t protect) const {
  for (auto it = active_.rbegin(); it != active_.rend(); ++it)
    if (it->direction == Direction::inbound) return &*it;
  return active_.size() > protect ? &active_.back() : nullptr;
}

ContactPtr View::random_active(Rng& rng, const PublicKey& a, const PublicKey& b) const {
  const auto is_either = [&](const Neighbour& each) { return each.contact->key == a || each.contact->key == b; };
  const auto count = active_.size() - static_cast<std::size_t>(std::ranges::count_if(active_, is_either));
  if (count == 0) return nullptr;
  auto left = rng.below(count);
  for (const Neighbour& each : active_)
    if (!is_either(each) && left-- == 0) return each.contact;
  return nullptr;
}

ContactPtr View::random_active(Rng& rng) const { return random_active(rng, self_, self_); }

Contacts View::sample(std::size_t active, std::size_t passive, const PublicKey& but, Rng& rng) const {
  Contacts drawn;
  std::vector<const ContactPtr*> from;
  from.reserve(std::max(active_.size(), passive_.size()));
  for (const Neighbour& each : active_)
    if (each.contact->key != but) from.push_back(&each.contact);
  draw(drawn, from, active, rng);
  from.clear();
  for (const Spare& each : passive_)
    if (each.failures == 0 && each.contact->key != but) from.push_back(&each.contact);
  draw(drawn, from, passive, rng);
  return drawn;
}

}  // namespace bp2p::membership
