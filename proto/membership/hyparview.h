// The overlay of one daemon: HyParView (Leitao, Pereira, Rodrigues, DSN 2007) with the cures of what is wrong in it.
// Each cure is named where it is done. The stories have a source file each:
//   joining.cc    JOIN, its walks, NEIGHBOR and its reply, DISCONNECT: how links come and go
//   shuffling.cc  spares are exchanged; short daemons find each other
//   swapping.cc   two links become two others, so that the shape becomes random again whatever made it
//   hyparview.cc  inputs, time, and what is common
//
// An active link is a state that both ends hold: it begins with NEIGHBOR(REPLY), ends with DISCONNECT, Handover or the
// link itself, and each end says KeepAlive in every period, so that an end that stands alone is told so.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/now.h"
#include "proto/base/rng.h"
#include "proto/membership/address_book.h"
#include "proto/membership/config.h"
#include "proto/membership/effects.h"
#include "proto/membership/messages.h"
#include "proto/membership/prefix_limit.h"
#include "proto/membership/view.h"

namespace bp2p::membership {

class HyParView {
 public:
  /// `self` is our own contact; on_contact brings its newer ones. A `book` of an earlier run replaces the contact.
  HyParView(const Config& config, ContactPtr self, AddressBook book, Rng rng, TimePoint now);

  /// JOINs the cluster through a daemon whose record a link has just proven. While is_alone(), the core calls this again.
  /// Who has neighbours joins two clusters into one: both ends make room.
  void join(const ContactPtr& contact, TimePoint now, Effects& out);
  /// Tells the neighbours and is silent until the next join.
  void leave(TimePoint now, Effects& out);

  /// `from` is the sender's own record as its link has proven it, `address` where it speaks from.
  void on_message(const ContactPtr& from, const Address& address, const Message& message, TimePoint now, Effects& out);
  /// Unexpectedly: not because of LinkNotNeeded. All state of the peer is cleared.
  void on_link_closed(const PublicKey& peer, TimePoint now, Effects& out);
  void on_unreachable(const PublicKey& peer, TimePoint now, Effects& out);
  /// A newer verified record, of ourselves or of anybody.
  void on_contact(const ContactPtr& contact);

  void on_time(TimePoint now, Effects& out);
  TimePoint next_deadline() const;

  const View& view() const { return view_; }
  const AddressBook& book() const { return book_; }
  const Counters& counters() const { return counters_; }
  bool is_alone() const { return view_.active().empty(); }

 private:
  /// What we wait for of a peer that is not a neighbour.
  enum class Wanted : std::uint8_t {
    join,      ///< its reply to our JOIN
    link,      ///< its reply to NEIGHBOR, as we are short
    revival,   ///< the same, as we had lost it: room is made for it
    walk_end,  ///< the same, as it is a newcomer whose walk ended here: room is made for it
    handover,  ///< a link, as it was told the same: a place is kept for it
  };
  struct Asked {
    ContactPtr peer;
    Wanted wanted;
    TimePoint until;
  };
  struct Swap {
    ContactPtr candidate;
    PublicKey old;
    TimePoint until;
  };
  struct From {
    const ContactPtr& peer;
    const Address& address;
  };

  // --- joining.cc
  void on(const From& from, const Join&, TimePoint now, Effects& out);
  void on(const From& from, const ForwardJoin& walk, TimePoint now, Effects& out);
  void on(const From& from, const Neighbor& request, TimePoint now, Effects& out);
  void on(const From& from, const NeighborReply& reply, TimePoint now, Effects& out);
  void on(const From& from, const Disconnect& goodbye, TimePoint now, Effects& out);
  void on(const From& from, const KeepAlive&, TimePoint now, Effects& out);
  void end_walk(const ContactPtr& newcomer, TimePoint now, Effects& out);
  /// Whether a neighbour may go for a JOIN or the end of its walk, now.
  bool take_join_eviction(TimePoint now);
  /// False when all neighbours are protected.
  bool make_room(const ContactPtr& newcomer, TimePoint now, Effects& out);
  void let_go(const ContactPtr& peer, const ContactPtr& newcomer, TimePoint now, Effects& out);
  void ask(const ContactPtr& peer, Wanted wanted, TimePoint now, Effects& out);
  /// Asks spares for as many links as we are short of.
  void refill(TimePoint now, Effects& out);
  void probe(TimePoint now, Effects& out);

  // --- shuffling.cc
  void on(const From& from, const Shuffle& shuffle, TimePoint now, Effects& out);
  void on(const From& from, const ShuffleReply& reply, TimePoint now, Effects& out);
  void shuffle_or_rest(Effects& out);
  void shuffle(Effects& out);
  void merge(const Contacts& sample, const Contacts& sent, TimePoint now);

  // --- swapping.cc
  void on(const From& from, const SwapRequest& request, TimePoint now, Effects& out);
  void on(const From& from, const SwapReply& reply, TimePoint now, Effects& out);
  void on(const From& from, const Handover& handover, TimePoint now, Effects& out);
  void swap(TimePoint now, Effects& out);

  // --- hyparview.cc
  void enter(const ContactPtr& peer, Direction direction, TimePoint now, Effects& out);
  void drop(const PublicKey& peer, DownReason reason, TimePoint now, Effects& out);
  void begin_anew(const PublicKey& peer, TimePoint now, Effects& out);
  std::optional<Wanted> wanted_of(const PublicKey& peer) const;
  bool is_asked(const PublicKey& peer) const { return wanted_of(peer).has_value(); }
  void forget_asked(const PublicKey& peer);
  void on_failure(const PublicKey& peer, TimePoint now, Effects& out);
  void on_keep_alive_time(TimePoint now, Effects& out);
  void on_round(TimePoint now, Effects& out);
  /// What an input left to be done.
  void settle(TimePoint now, Effects& out);
  Duration jitter(Duration below);
  Duration until_next_probe(TimePoint now);
  bool may_ask(const Spare& spare, TimePoint now) const { return spare.not_before <= now && !is_asked(spare.contact->key); }
  /// Alone, or short without anybody to ask but those in the book.
  bool is_in_need(TimePoint now) const;
  bool is_self(const PublicKey& key) const { return key == self_->key; }
  std::size_t places_kept(const PublicKey& but) const;
  /// Links that we have or may get by what was asked.
  std::size_t links_coming() const;
  bool is_short() const { return links_coming() < config_.active_size; }

  Config config_;
  ContactPtr self_;
  Rng rng_;
  View view_;
  AddressBook book_;
  Counters counters_;
  PrefixLimit high_limit_;
  std::vector<Asked> asked_;
  std::optional<Swap> swap_;
  Contacts shuffled_;            ///< what we sent in the last shuffle, expendable when the reply comes
  bool shuffle_open_ = false;    ///< no reply came yet: one is taken per shuffle
  bool has_news_ = true;         ///< since the last shuffle
  std::uint32_t shuffle_every_ = 1, rounds_since_shuffle_ = 0;
  bool away_ = false;            ///< left, or not joined since
  std::uint32_t refusals_ = 0;        ///< in this round
  std::uint32_t rounds_refused_ = 0;  ///< since there is a new neighbour, while two or more are missing
  TimePoint keep_alive_at_, round_at_, probe_at_;
  TimePoint next_join_eviction_, next_swap_;
};

}  // namespace bp2p::membership
