// Whom this daemon has known, for when nobody it knows now can help: after a split, whose two sides forget one
// another within ten shuffle cycles, and after a restart without the contact. It goes to disk as SavedContacts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "proto/base/now.h"
#include "proto/base/rng.h"
#include "proto/membership/contact.h"

namespace bp2p::membership {

struct SavedContact {
  ContactPtr contact;
  WallTime seen{};
  bool met = false;
  std::optional<WallTime> lost{};
};

/// An entry is *heard of* (somebody's shuffle had its record), *met* (it was our neighbour), or *lost* (it was, and its
/// link broke or it could not be reached since). Lost ones are the way back to the other side of a split: they stay for
/// `lost_kept` and are never evicted for fresh ones; beyond three quarters of the book nothing more becomes lost, so
/// that neighbours who come to break their links cannot fill it.
class AddressBook {
 public:
  AddressBook(std::size_t capacity, Duration lost_kept) : capacity_(capacity), lost_kept_(lost_kept) {}

  std::size_t size() const { return entries_.size(); }
  std::size_t lost() const { return lost_; }
  bool has(const PublicKey& key) const { return find(key) != nullptr; }
  bool is_lost(const PublicKey& key) const;

  /// It is our neighbour now, so not lost. When full the heard-of one that was seen longest ago goes, then the met one.
  void on_met(const ContactPtr& contact, TimePoint now);
  /// A third party showed us its record. A newer one than we had proves that somebody on our side has it: not lost.
  /// True when that was news: a daemon for which there was an empty place, or a newer record. In a book that is full
  /// strangers come and go for ever.
  bool on_heard(const ContactPtr& contact, TimePoint now);
  /// Only one that was met can be lost: else shuffled inventions would fill the book.
  void on_lost(const PublicKey& key, TimePoint now);
  /// It left the cluster by its own word, perhaps to be started again: not looked for, and still known.
  void on_left(const PublicKey& key);
  void expire(TimePoint now);

  /// At random; null when there is none.
  ContactPtr random_lost(Rng& rng) const;
  ContactPtr random_any(Rng& rng) const;
  /// Of those that it has not returned in the last `gap`.
  ContactPtr random_untried(Rng& rng, TimePoint now, Duration gap);
  bool has_untried(TimePoint now, Duration gap) const;

  /// Ages become wall times and back, because a steady clock does not outlive the process. A wall clock that stepped
  /// back makes entries as old as now, not younger.
  std::vector<SavedContact> snapshot(Now now) const;
  void restore(std::span<const SavedContact> saved, Now now);

 private:
  struct Entry {
    std::uint64_t tag;  ///< first bytes of the key: a search stays within the table
    ContactPtr contact;
    TimePoint seen;
    TimePoint lost_at = never;  ///< never: not lost
    bool met = false;
    std::optional<TimePoint> tried_at{};
    bool is_untried(TimePoint now, Duration gap) const { return !tried_at || now - *tried_at >= gap; }
    bool is_lost() const { return lost_at != never; }
  };
  const Entry* find(const PublicKey& key) const;
  Entry* find(const PublicKey& key) { return const_cast<Entry*>(std::as_const(*this).find(key)); }
  /// A place for a new entry, null when none is free.
  Entry* place(bool for_met);
  void found(Entry& entry);

  std::size_t capacity_;
  std::size_t lost_ = 0;
  Duration lost_kept_;
  std::vector<Entry> entries_;
};

}  // namespace bp2p::membership
