#include "proto/membership/address_book.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace bp2p::membership {
namespace {

std::uint64_t tag_of(const PublicKey& key) {
  std::uint64_t tag = 0;
  std::memcpy(&tag, key.bytes.data(), sizeof tag);
  return tag;
}

WallTime as_wall(Duration duration) { return std::chrono::duration_cast<WallTime>(duration); }

}  // namespace

const AddressBook::Entry* AddressBook::find(const PublicKey& key) const {
  const std::uint64_t tag = tag_of(key);
  for (const Entry& entry : entries_)
    if (entry.tag == tag && entry.contact->key == key) return &entry;
  return nullptr;
}

bool AddressBook::is_lost(const PublicKey& key) const {
  const Entry* entry = find(key);
  return entry && entry->is_lost();
}

AddressBook::Entry* AddressBook::place(bool for_met) {
  if (entries_.size() < capacity_) return &entries_.emplace_back();
  Entry* oldest = nullptr;
  for (Entry& entry : entries_) {
    if (entry.is_lost() || (entry.met && !for_met)) continue;
    if (!oldest || std::tie(entry.met, entry.seen) < std::tie(oldest->met, oldest->seen)) oldest = &entry;
  }
  return oldest;
}

void AddressBook::found(Entry& entry) {
  if (!entry.is_lost()) return;
  entry.lost_at = never;
  --lost_;
}

void AddressBook::on_met(const ContactPtr& contact, TimePoint now) {
  Entry* entry = find(contact->key);
  if (entry) found(*entry);
  else entry = place(true);
  if (entry) *entry = {tag_of(contact->key), contact, now, never, true};
}

bool AddressBook::on_heard(const ContactPtr& contact, TimePoint now) {
  if (Entry* known = find(contact->key)) {
    known->seen = now;
    if (!is_newer(*contact, *known->contact)) return false;
    known->contact = contact;
    found(*known);
    return true;
  }
  const bool has_room = entries_.size() < capacity_;
  if (Entry* entry = place(false)) *entry = {tag_of(contact->key), contact, now};
  return has_room;
}

void AddressBook::on_lost(const PublicKey& key, TimePoint now) {
  Entry* entry = find(key);
  if (!entry || !entry->met || entry->is_lost() || lost_ >= capacity_ - capacity_ / 4) return;
  entry->lost_at = now;
  ++lost_;
}

void AddressBook::on_left(const PublicKey& key) {
  Entry* entry = find(key);
  if (!entry) return;
  found(*entry);
  entry->met = false;
}

void AddressBook::expire(TimePoint now) {
  std::erase_if(entries_, [&](Entry& entry) {
    if (!entry.is_lost() || now - entry.lost_at < lost_kept_) return false;
    found(entry);
    return true;
  });
}

ContactPtr AddressBook::random_lost(Rng& rng) const {
  if (lost_ == 0) return nullptr;
  auto left = rng.below(lost_);
  for (const Entry& entry : entries_)
    if (entry.is_lost() && left-- == 0) return entry.contact;
  return nullptr;
}

ContactPtr AddressBook::random_any(Rng& rng) const {
  return entries_.empty() ? nullptr : entries_[rng.below(entries_.size())].contact;
}

bool AddressBook::has_untried(TimePoint now, Duration gap) const {
  return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.is_untried(now, gap); });
}

ContactPtr AddressBook::random_untried(Rng& rng, TimePoint now, Duration gap) {
  const auto count = std::ranges::count_if(entries_, [&](const Entry& entry) { return entry.is_untried(now, gap); });
  if (count == 0) return nullptr;
  auto left = rng.below(static_cast<std::uint64_t>(count));
  for (Entry& entry : entries_)
    if (entry.is_untried(now, gap) && left-- == 0) {
      entry.tried_at = now;
      return entry.contact;
    }
  return nullptr;
}

std::vector<SavedContact> AddressBook::snapshot(Now now) const {
  std::vector<SavedContact> saved;
  saved.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    SavedContact& each = saved.emplace_back(entry.contact, now.wall - as_wall(now.steady - entry.seen), entry.met);
    if (entry.is_lost()) each.lost = now.wall - as_wall(now.steady - entry.lost_at);
  }
  return saved;
}

void AddressBook::restore(std::span<const SavedContact> saved, Now now) {
  const auto as_steady = [&](WallTime then) {
    if (then >= now.wall) return now.steady;
    return now.steady - (then <= now.wall - as_wall(lost_kept_) ? lost_kept_ : Duration{now.wall - then});
  };
  for (const SavedContact& each : saved.first(std::min(saved.size(), capacity_))) {
    if (find(each.contact->key) || entries_.size() >= capacity_) continue;
    Entry& entry = entries_.emplace_back(tag_of(each.contact->key), each.contact, as_steady(each.seen), never, each.met);
    if (each.lost && lost_ < capacity_ - capacity_ / 4) {
      entry.lost_at = as_steady(*each.lost);
      ++lost_;
    }
  }
  expire(now.steady);
}

}  // namespace bp2p::membership
