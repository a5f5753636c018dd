// The two views of a daemon: its neighbours (active) and its spares (passive). Bounds, disjointness and "never
// ourselves" (I8) hold by construction.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/base/now.h"
#include "proto/base/rng.h"
#include "proto/membership/config.h"
#include "proto/membership/contact.h"
#include "proto/membership/messages.h"

namespace bp2p::membership {

/// Outbound: we chose the peer. Inbound: it, or a walk, chose us; an attacker can make many of these.
enum class Direction : std::uint8_t { inbound, outbound };

struct Neighbour {
  ContactPtr contact;
  Direction direction;
  TimePoint heard;  ///< its last message
  TimePoint since;
};

struct Spare {
  ContactPtr contact;
  TimePoint since;
  TimePoint not_before{};  ///< it is not asked earlier
  std::uint32_t failures = 0;
};

class View {
 public:
  View(const PublicKey& self, const Config& config);

  /// The longest-standing first.
  const std::vector<Neighbour>& active() const { return active_; }
  const std::vector<Spare>& passive() const { return passive_; }
  Neighbour* find_active(const PublicKey& key);
  Spare* find_passive(const PublicKey& key);
  bool is_active(const PublicKey& key) const;
  bool is_full() const { return active_.size() >= active_size_; }

  /// Into the active view, which has room and does not have it; out of the passive one.
  void enter(const ContactPtr& contact, Direction direction, TimePoint now);
  /// Out of the active view.
  void remove(const PublicKey& key);

  /// Into the passive view, unless it is ourselves or in a view already (there a newer record replaces an older one).
  /// When full, one of `expendable` goes, else one that has failed, else any (paper, section 4.4).
  void keep(const ContactPtr& contact, TimePoint now, Rng& rng, std::span<const PublicKey> expendable = {});
  void forget(const PublicKey& key);
  void forget_older_than(TimePoint limit);
  /// A newer record of somebody who is in a view.
  void refresh(const ContactPtr& contact);

  /// Whom to let go for another: the newest inbound neighbour, so that a flood of requests only ever evicts itself;
  /// else the newest that is not among the `protect` longest-standing outbound ones. Null: all are protected.
  const Neighbour* newest_inbound(std::size_t protect) const;

  /// Random neighbours but `a` and `b`; null when there are none.
  ContactPtr random_active(Rng& rng, const PublicKey& a, const PublicKey& b) const;
  ContactPtr random_active(Rng& rng) const;
  /// Up to `active` random neighbours and `passive` random spares that have not failed, none of them `but`.
  Contacts sample(std::size_t active, std::size_t passive, const PublicKey& but, Rng& rng) const;

 private:
  PublicKey self_;
  std::uint32_t active_size_, passive_size_;
  std::vector<Neighbour> active_;
  std::vector<Spare> passive_;
};

}  // namespace bp2p::membership
