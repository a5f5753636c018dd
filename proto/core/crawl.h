// The overlay as its daemons see it, for a drawing: each is asked who its neighbours are. Breadth first from this daemon's own
// neighbours; then members that nobody named, for those are on the other side of a split. A value without links: the core
// asks (proto/core/crawling.cc).
//
// Bounds: `limits::crawl_asked_max` daemons, `limits::crawl_under_way_max` waited for at a time, `crawl_budget` in all.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/now.h"
#include "proto/membership/contact.h"

namespace bp2p {

/// Of a whole crawl: what a person waits for a drawing; guess.
inline constexpr Duration crawl_budget = std::chrono::seconds{5};
/// Then the next one is asked beside it; its answer still counts. A handshake and HELLO at a round trip of 300 ms, with a
/// packet lost, take less; guess.
inline constexpr Duration crawl_patience = std::chrono::seconds{2};
/// From the end of one to the next: `--watch --every 0.01` on every daemon must not keep the cluster busy.
inline constexpr Duration crawl_gap = std::chrono::seconds{1};

class Crawl {
 public:
  enum class Answer : std::uint8_t {
    given,
    none,       ///< asked, and nothing came: gone, not to be reached, or of a version without ViewAsked
    not_asked,  ///< beyond a bound
  };
  struct Daemon {
    Answer answer = Answer::not_asked;
    std::vector<PublicKey> neighbours{};  ///< as it says, none twice
  };

  /// `self` has answered already: `neighbours` are its own. `members`: everybody else who is held to live.
  Crawl(const PublicKey& self, const std::vector<membership::ContactPtr>& neighbours,
        const std::vector<membership::ContactPtr>& members, TimePoint now);

  /// The next to be asked; it counts as asked. nullptr: nobody, now.
  membership::ContactPtr next(TimePoint now);
  /// The one that next() gave is not asked after all. It counts nevertheless: thousands may have to be left out.
  void leave_out(const PublicKey& key);

  /// Was asked, and has not answered.
  bool is_awaited(const PublicKey& key) const;
  /// What one that is awaited has answered.
  void on_view(const PublicKey& from, const std::vector<membership::ContactPtr>& neighbours);
  /// It will not answer.
  void on_unreachable(const PublicKey& key);

  /// Asked when next() has given nobody.
  bool is_over(TimePoint now) const;
  /// When next() or is_over() may say something else.
  TimePoint next_deadline(TimePoint now) const;

  /// In the order of keys, this daemon among them.
  const std::map<PublicKey, Daemon>& daemons() const { return daemons_; }
  TimePoint begun() const { return begun_; }

 private:
  void take_view(const PublicKey& of, const std::vector<membership::ContactPtr>& neighbours);
  /// How many are awaited and have patience left.
  std::size_t under_way(TimePoint now) const;

  TimePoint begun_;
  std::map<PublicKey, Daemon> daemons_;
  std::deque<membership::ContactPtr> found_;  ///< named by somebody and to be asked: as many as may be
  std::deque<membership::ContactPtr> members_;
  bool is_walked_ = false;                    ///< all that hang together with this daemon were asked: members are next
  std::map<PublicKey, TimePoint> awaited_;    ///< since when
  std::size_t asked_ = 0;                     ///< or left out
};

}  // namespace bp2p
