// Broadcast by epidemic trees: Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", SRDS 2007; one tree per origin,
// for a shared one is slow for everyone but its first sender (cluster.md has the figures). No hop-count optimisation:
// with overlapping broadcasts it moved p50 to 2.6 s.
//
// What is promised (I10), for a daemon that is up and an origin's epoch:
//   connected          With at least one link at any time: each broadcast accepted since the first link was up, once, in
//                      the origin's order. It holds because no daemon lets go of a payload that a neighbour lacks, for
//                      keep_for, and takes no more when its window is full of such: so the origin's window fills, and
//                      broadcast() says "not now". Nothing is dropped on the way.
//   late joiner        Begins where the first Summary it gets leaves off. Origins that were silent then: with the oldest
//                      that anybody keeps, which costs their first broadcast a graft timer and a round trip. So it may
//                      get a little of what was accepted before it came, and all of what was accepted since.
//   cut off            For less than keep_for: as if connected, but for what the origin's window did not hold that long.
//                      Longer: `Gap` says which numbers are missing, before the first that follows. It comes with the
//                      origin's next broadcast, not earlier: that there is a gap is believed on a verified payload only.
//   too slow           A daemon whose neighbours wait keep_for for it: as cut off. Its links may stand, but a daemon that
//                      takes less than window_bytes in keep_for is not held on to.
//   new epoch          Ends the one before with the first verified payload: what was delivered of that is a prefix.
//                      Nothing older than the newest epoch is delivered any more.
//   origin gone        on_origin_gone() forgets what was kept. How far it was delivered is remembered (gone_max), so
//                      that it goes on there if it comes back with the same epoch, and a replay stays a duplicate.
//   many origins       When kept_bytes_max is reached, the origin with most bytes loses its oldest (`evicted_early`):
//                      the only case in which a slow daemon misses what is younger than keep_for. It is a Gap too.
// An origin that signs two payloads for one number is not found out here: daemons deliver one of the two (a store's
// heads tell).
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/now.h"
#include "proto/gossip/config.h"
#include "proto/gossip/messages.h"

namespace bp2p::gossip {

// --- effects --------------------------------------------------------------------------------------------

/// Onto the peer's reliable, ordered stream.
struct Send {
  PublicKey to;
  Message message;
};
/// To the subscribers of this daemon; our own broadcasts too.
struct Deliver {
  OriginId origin;
  std::uint64_t number = 0;
  Payload payload;
};
/// Verified, and waits for one before it: it comes again as Deliver, or after a Gap. For what loses by waiting and may be
/// heard twice and in any order.
struct Ahead {
  OriginId origin;
  Payload payload;
};
/// from..to will not be delivered: no neighbour keeps them any more.
struct Gap {
  OriginId origin;
  std::uint64_t from = 0, to = 0;
};
/// broadcast() said window_full, and would now accept that payload.
struct MayBroadcast {};

enum class Misdeed : std::uint8_t {
  malformed,          ///< lists too long, numbers that cannot be
  oversized,          ///< a payload above payload_bytes_max
  bad_payload,        ///< not verified: an honest daemon verifies before it forwards
  broken_promise,     ///< announced three times what it did not send when asked
  graft_unanswered,   ///< within answer_after
  unasked_answer,     ///< GRAFTED without a GRAFT
  graft_storm,
  announcement_storm,
  prune_storm,
  duplicates,         ///< pushes on in spite of PRUNEs
  too_many_origins,   ///< announces origins of which nothing ever comes
};
inline constexpr std::size_t misdeeds = 11;
std::string_view describe(Misdeed what);
/// Once a minute for each kind and peer, however often it happens; the counters have all.
struct Misbehaved {
  PublicKey key;
  Misdeed what{};
};

using Effect = std::variant<Send, Deliver, Ahead, Gap, MayBroadcast, Misbehaved>;
using Effects = std::vector<Effect>;

// --- what is asked of the caller ---------------------------------------------------------------------------

/// Is this the origin's payload with this number? (53 us for a signature; asked once per payload, never for duplicates.)
using Verify = std::function<bool(const OriginId& origin, std::uint64_t number, ByteView payload)>;

enum class NotNow : std::uint8_t {
  window_full,  ///< neighbours lack so much of ours; MayBroadcast follows
  too_large,    ///< never
};

struct Counters {
  std::uint64_t delivered = 0, duplicates = 0, verified = 0;
  std::uint64_t grafts_sent = 0, grafts_answered = 0, prunes_sent = 0, holdings_sent = 0;
  std::uint64_t gaps = 0;              ///< numbers passed over
  std::uint64_t refused_no_room = 0;   ///< payloads that were left for a GRAFT
  std::uint64_t refused_rate = 0;      ///< messages beyond a peer's rates
  std::uint64_t refused_origins = 0;   ///< origins_max, unproven_origins_per_peer
  std::uint64_t stale = 0;             ///< payloads of an epoch that has ended
  std::uint64_t evicted_early = 0;
  std::uint64_t misdeeds[gossip::misdeeds] = {};
};
struct Usage {
  std::size_t peers = 0, origins = 0, unproven_origins = 0, gone = 0;
  std::size_t kept_bytes = 0, kept_bytes_of_one = 0;
};

class Plumtree {
 public:
  /// `self.epoch` is larger at every start of this daemon.
  Plumtree(Config config, OriginId self, Verify verify);
  ~Plumtree();
  Plumtree(Plumtree&&) noexcept;

  /// The number that the next broadcast will have: the payload's signature covers it.
  std::uint64_t next_number() const;
  /// Accepts a payload (not null) of ours and returns its number.
  std::expected<std::uint64_t, NotNow> broadcast(Payload payload, TimePoint now, Effects& out);

  /// A member of the active view, on a link that nothing was said on yet.
  void on_peer_up(const PublicKey& key, TimePoint now, Effects& out);
  /// The link is gone, and with it whatever was on it.
  void on_peer_down(const PublicKey& key, TimePoint now, Effects& out);
  /// From a peer that is up; from others it is ignored.
  void on_message(const PublicKey& from, const Message& message, TimePoint now, Effects& out);
  /// How many bytes the stream to this peer holds that the peer has not taken. Say it when it falls below half of
  /// backlog_bytes_max, and whenever it is known; in between, what we send is counted here.
  void on_backlog(const PublicKey& key, std::size_t bytes, TimePoint now, Effects& out);
  /// Membership agrees that this daemon is down, or it left. Of all its epochs.
  void on_origin_gone(const PublicKey& key);
  void on_time(TimePoint now, Effects& out);
  TimePoint next_deadline() const;  ///< `never` when idle

  const Counters& counters() const;
  Usage usage() const;
  /// The graft timer as it is now.
  Duration graft_after() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bp2p::gossip
