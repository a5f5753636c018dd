// Plumtree's state, and its methods by story. Each story has a source file of its own:
//   receive.cc   a payload comes: new, duplicate, forged; pushed on and delivered
//   announce.cc  what we tell lazy peers, and what they tell us
//   graft.cc     what is missing is asked for, from one source and then another; what others ask of us
//   room.cc      what is kept, what is let go, which origins are remembered
//   plumtree.cc  inputs, peers, time, misdeeds
#pragma once
#include <array>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "proto/base/token_bucket.h"
#include "proto/gossip/plumtree.h"
#include "proto/gossip/spread.h"
#include "proto/gossip/tree.h"

namespace bp2p::gossip {

struct Peer {
  PublicKey key;
  bool up = true;
  bool slow = false;          ///< its stream holds enough: announcements wait, payloads are announced only
  std::size_t backlog = 0;
  std::size_t unproven = 0;   ///< trees that it introduced
  TokenBucket grafts, holdings, prunes, asks;  // asks: our GRAFTs to it
  std::array<TimePoint, misdeeds> reported{};

  Peer(const PublicKey& of, const Config& config)
      : key(of),
        grafts(config.grafts_burst, config.grafts_per_second),
        holdings(config.holdings_burst, config.holdings_per_second),
        prunes(config.prunes_burst, config.prunes_per_second),
        asks(config.grafts_burst / 2, config.grafts_per_second / 2) {
    reported.fill(TimePoint::min());
  }
};

struct Plumtree::Impl {
  Impl(Config config, OriginId self, Verify verify);

  // --- receive.cc
  void on_gossip(Slot from, const Gossip& gossip, TimePoint now, Effects& out);
  void on_duplicate(Tree& tree, Slot from, std::uint64_t number, TimePoint now, Effects& out);
  void on_prune(Slot from, const Prune& prune, TimePoint now, Effects& out);
  /// A verified, new payload: kept, pushed, delivered. There is room. `from`: nobody for our own.
  void accept(Tree& tree, std::optional<Slot> from, std::uint64_t number, Payload payload, TimePoint now, Effects& out);
  void push(Tree& tree, std::optional<Slot> except, std::uint64_t number, const Payload& payload, TimePoint now,
            Effects& out);
  void deliver_ready(Tree& tree, Effects& out);
  void prune(Tree& tree, Slot slot, TimePoint now, Effects& out);

  // --- announce.cc
  void mark_dirty(Tree& tree, TimePoint now);
  /// The batch: what changed since the last one.
  void announce(Effects& out);
  /// Of every tree: when the peer's stream has room again.
  void announce_all_to(Slot slot, Effects& out);
  void announce_to(Slot slot, const std::vector<Tree*>& some, Effects& out);
  void send_summary(Slot slot, Effects& out);
  void on_holdings(Slot from, const std::vector<Holding>& holdings, bool opening, TimePoint now, Effects& out);
  void on_holding(Slot from, const Holding& holding, bool opening, TimePoint now, Effects& out);
  bool must_hear(const Tree& tree, const Side& side) const;

  // --- graft.cc
  void mark(Tree& tree, std::uint64_t upto, TimePoint now);
  /// Sets `wake` after anything of this tree changed.
  void rearm(Tree& tree, TimePoint now);
  void set_wake(Tree& tree, TimePoint at);
  void on_wake(Tree& tree, TimePoint now, Effects& out);
  std::optional<Slot> source(Tree& tree);
  /// Nobody can be asked: waits, gives up, or passes over the hole.
  void on_no_source(Tree& tree, TimePoint now, Effects& out);
  void on_graft(Slot from, const Graft& graft, TimePoint now, Effects& out);
  void serve(Tree& tree, Slot to, const std::vector<Range>& ranges, TimePoint now, Effects& out);
  void on_grafted(Slot from, const Grafted& grafted, TimePoint now, Effects& out);
  Duration graft_after() const;
  Duration again_after(const Tree& tree) const;

  // --- room.cc
  Tree* find(const OriginId& origin);
  /// Of an epoch that has ended, as far as we know.
  bool is_stale(const OriginId& origin) const;
  /// nullptr when there is no place. `introduced_by`: nobody when a payload was verified.
  Tree* plant(const OriginId& origin, std::uint64_t contiguous, std::optional<Slot> introduced_by);
  /// A payload of it was verified: older epochs end.
  void prove(Tree& tree);
  void fell(const OriginId& origin);
  void remember_gone(const Tree& tree);
  /// Lets go of what may go, and says whether a payload of this size may be kept under this number.
  bool make_room(Tree& tree, std::uint64_t number, std::size_t size, TimePoint now);
  bool may_let_go(const Tree& tree, const Recent::Kept& kept, TimePoint now) const;
  void recount(Tree& tree);
  /// Takes from the origins with most until all is well below its bound.
  void shed(std::size_t needed, TimePoint now);
  void sweep(TimePoint now);
  void sweep_later(TimePoint now);
  void unblock(TimePoint now, Effects& out);

  // --- plumtree.cc
  void on_message(Slot from, const Message& message, TimePoint now, Effects& out);
  void on_time(TimePoint now, Effects& out);
  void on_backlog(Slot slot, std::size_t bytes, TimePoint now, Effects& out);
  void on_peer_down(const PublicKey& key, TimePoint now, Effects& out);
  void send(Slot to, Message message, std::size_t bytes, Effects& out);
  void misbehaved(Slot slot, Misdeed what, TimePoint now, Effects& out);

  const Config config;
  const OriginId self;
  const Verify verify;

  std::vector<Peer> peers;                  // by Slot
  std::map<PublicKey, Slot> slots;          // of those that are up
  std::map<OriginId, Tree> trees;
  std::set<std::pair<TimePoint, OriginId>> wakes;
  Spread spread;
  bool joining = true;                      // no peer's Summary was complete yet

  std::vector<OriginId> dirty;
  TimePoint announce_at = never;
  TimePoint sweep_at = never;
  std::optional<std::size_t> blocked;       // the size that broadcast() had no room for

  std::size_t kept_bytes = 0;
  std::size_t unproven = 0;
  struct Seen {
    std::uint64_t epoch, contiguous;
    bool tentative;
  };
  std::map<PublicKey, Seen> gone;
  std::deque<PublicKey> gone_order;

  Counters counters;
};

}  // namespace bp2p::gossip
