// Who of the cluster lives. A lost link is not a death: the daemon that lost it, and cannot reach the other again, tells
// everybody that it suspects it; the suspect, if it lives, says so, and by that ends the suspicion; if it does not in the
// suspicion time, everybody who heard the one and not the other holds it down. (SWIM: Das, Gupta, Motivala, DSN 2002,
// section 4.2. Lifeguard: Dadgar, Phillips, Currey, 2017, for the length of that time.)
//
//            Suspicion of this life                no refutation in time
//   alive ---------------------------> suspected ------------------------> down     forgotten after forget_after,
//     ^  <---------------------------      |                               left     as if it had never been
//     |   Alive of a later life, or        | Leaving, at any time: ------>   |
//     |   a direct link (for us alone)                                       |
//     +---- a later life alone brings back who is down or left <-------------+
//
// SWIM counts on its gossip; ours is reliable (proto/gossip), but not for who was cut off for longer than that keeps
// things, and neither finds those whom nobody was linked with. So that all agree in the end nevertheless:
//   - a witness says it again while the suspect is down, ever less often; whoever missed it suspects then, and a suspect
//     that was only cut off hears it and refutes. When one such turns up, the split is over: all repeat at once.
//   - who is held down and yet heard of (we missed its refutation) is suspected aloud again, so that it refutes again.
//   - who is held down or suspected, and links up with us, is told (HeldDown).
//   - who is suspected of a life that it has refuted says so again: the witness came to the cluster after that.
//   - now and then any member is tried: one that died with all its neighbours would live for ever else, and one that was
//     held down by those alone who have died since would stay so.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "proto/base/now.h"
#include "proto/base/rng.h"
#include "proto/base/token_bucket.h"
#include "proto/membership/config.h"
#include "proto/membership/contact.h"
#include "proto/membership/local_health.h"
#include "proto/membership/messages.h"

namespace bp2p::membership {

/// Reach the member, by the link there is or a new one, and say on_probe_ok or on_probe_failed.
struct Probe {
  PublicKey key;
};
/// To all, as our own signed broadcast.
struct Broadcast {
  std::variant<Suspicion, Alive> message;
};
/// To this one, on its link.
struct Tell {
  PublicKey key;
  HeldDown message;
};
/// MemberUp and MemberDown of a key alternate, beginning with up. A restart that nobody noticed as a death is neither.
struct MemberUp {
  PublicKey key;
};
enum class Gone : std::uint8_t { failed, left };
struct MemberDown {
  PublicKey key;
  Gone how;
};
/// For the operator: the first accusation of a member, or of ourselves; and that it came to nothing.
struct Suspected {
  PublicKey key, witness;
};
struct Cleared {
  PublicKey key;
};

using LifeEffect = std::variant<Probe, Broadcast, Tell, MemberUp, MemberDown, Suspected, Cleared>;
using LifeEffects = std::vector<LifeEffect>;

class Suspicions {
 public:
  enum class Status : std::uint8_t { alive, suspected, down, left };

  struct Witness {
    PublicKey key;
    std::uint64_t incarnation;  ///< that it suspects
  };
  /// What we hold of one member. Times are in LocalHealth's awake time.
  struct Member {
    Life life;  ///< of its latest word; of one that is down the latest that was suspected
    Status status = Status::alive;
    bool probing = false;
    bool ours = false;           ///< we suspect it ourselves, and say so again while it is down
    bool not_from_here = false;  ///< it has refuted us: it lives, but we cannot reach it, so we do not try at random
    TimePoint due = never;       ///< when it has to be looked at again: its place in due_
    TimePoint since{};           ///< suspected, down or left
    TimePoint repeat_at = never;
    Duration repeat_gap{};
    std::vector<Witness> witnesses{};  ///< of this life or the next few, at most 1 + suspicion_confirmations
    TokenBucket accusations;           ///< that it may make
  };

  /// We are alive in `epoch`, our boot epoch.
  Suspicions(const Config& config, const PublicKey& self, std::uint64_t epoch, Rng rng, TimePoint now);

  /// A verified record of anybody. Its daemon is a member now; a newer epoch brings back who was down.
  void on_member(const Contact& contact, TimePoint now, LifeEffects& out);

  /// Our link with a neighbour was lost unexpectedly (DownReason::lost). It is probed; we are a witness when that fails.
  void on_neighbour_lost(const PublicKey& key, TimePoint now, LifeEffects& out);
  void on_probe_ok(const PublicKey& key, TimePoint now, LifeEffects& out);
  void on_probe_failed(const PublicKey& key, TimePoint now, LifeEffects& out);
  /// A link with a key proven, whoever made it.
  void on_link_up(const PublicKey& key, TimePoint now, LifeEffects& out);

  // What was broadcast. The core has verified that `origin` signed it; our own are passed over.
  void on_suspicion(const PublicKey& origin, const Suspicion& suspicion, TimePoint now, LifeEffects& out);
  void on_alive(const PublicKey& origin, const Alive& alive, TimePoint now, LifeEffects& out);
  void on_leaving(const PublicKey& origin, const Leaving& leaving, TimePoint now, LifeEffects& out);
  /// Any other broadcast of a live origin.
  void on_heard(const PublicKey& origin, TimePoint now);
  /// Said on a link by the peer that has proven `from`.
  void on_held_down(const PublicKey& from, const HeldDown& held, TimePoint now, LifeEffects& out);

  /// We are here, or here again: whatever was said of us before is over.
  void come_in(TimePoint now, LifeEffects& out);

  void on_time(TimePoint now, LifeEffects& out);
  TimePoint next_deadline() const;
  /// Nobody asked for on_time() while there was no member: that was no pause.
  void wake(TimePoint now) { health_ = LocalHealth{config_, now}; }

  /// Of ourselves: to be said when we leave.
  Life own_life() const { return own_; }
  const std::map<PublicKey, Member>& members() const { return members_; }
  std::optional<Status> status(const PublicKey& key) const;
  static bool is_living(const Member& member) { return member.status == Status::alive || member.status == Status::suspected; }
  bool is_living(const PublicKey& key) const {
    const auto found = members_.find(key);
    return found != members_.end() && is_living(found->second);
  }
  /// Alive or suspected, and we.
  std::size_t living() const { return living_; }
  /// How long a suspicion with so many witnesses would wait now.
  Duration suspicion_time(std::size_t witnesses) const;
  SuspicionCounters counters() const;

 private:
  /// Ordered: strangers choose keys, and could choose colliding hashes; and a seed replays the same run (I23).
  using Members = std::map<PublicKey, Member>;
  using Entry = Members::value_type;

  Entry* find(const PublicKey& key);
  /// False, and counted, when it is not about the life that is known of the suspect, or the next few.
  bool is_credible(Life life, Life known, std::uint64_t ahead_max);
  void accuse(Entry& suspect, Witness witness, TokenBucket& allowed, TimePoint awake, LifeEffects& out);
  /// False: it is not about our life, or about one that we have refuted, and is answered by the same word.
  bool defend(const PublicKey& witness, Life life, TimePoint awake, LifeEffects& out);
  void say_alive(TimePoint awake, LifeEffects& out);
  void say_alive_again(TimePoint awake, LifeEffects& out);
  void renew(Entry& member, Life life, TimePoint awake, LifeEffects& out);
  void clear(Entry& member, LifeEffects& out);
  void go(Entry& member, Gone how, TimePoint awake, LifeEffects& out);
  /// What is due for one member; it may be forgotten by that.
  void on_due(Entry& member, TimePoint awake, LifeEffects& out);
  void look_at_any(TimePoint awake, LifeEffects& out);
  void probe(Entry& member, LifeEffects& out);
  /// Some time in the next `within`, that not all say the same at once.
  void repeat_within(Entry& member, Duration within, TimePoint awake);
  void repeat_all_soon(TimePoint awake);
  void arm(Entry& member);
  bool forget_one_gone();
  void forget(const PublicKey& key);
  Duration jitter(Duration below);

  Config config_;
  PublicKey self_;
  Life own_;
  Rng rng_;
  LocalHealth health_;
  Members members_;
  std::set<std::pair<TimePoint, PublicKey>> due_;
  std::size_t living_ = 1;
  TokenBucket own_accusations_;
  bool alive_unsaid_ = false;
  TimePoint alive_at_, look_at_, repeat_all_at_;  ///< not earlier than
  SuspicionCounters counters_;
};

}  // namespace bp2p::membership
