// Every figure of the broadcast, and where it comes from. "guess" marks one that nothing has measured yet.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proto/base/now.h"

namespace bp2p::gossip {

struct Config {
  /// Announcements wait so long for others to go with them. cluster.md: 10-50 ms.
  Duration announce_after = std::chrono::milliseconds{20};
  /// An announced payload is grafted after max(graft_after, 3 x the p99.9 of the spread seen), at most graft_after_max:
  /// a peer that announces late or early on purpose could stretch it for ever. cluster.md; the maximum is a guess.
  Duration graft_after = std::chrono::milliseconds{500};
  Duration graft_after_max = std::chrono::seconds{4};
  /// A hole that a peer has let go of, and no other can fill, is passed over after this; one that no peer is past yet
  /// after keep_for, when nobody would keep it any more. Guess: several GRAFTs of a neighbour that waits like us.
  Duration gap_after = std::chrono::seconds{5};
  /// The second timer is half the first, at least this, and doubles up to eight times it. Guess: a long round trip.
  Duration graft_again = std::chrono::milliseconds{250};
  /// A GRAFT not answered in this time: the peer is not believed any more about that origin. Guess.
  Duration answer_after = std::chrono::seconds{10};
  /// Consecutive duplicates of an origin until PRUNE. cluster.md: 2-4.
  std::uint16_t prune_after = 2;

  // --- what is kept for those who graft
  Duration keep_for = std::chrono::seconds{30};              ///< guess: longer than any link is missed
  std::size_t window_bytes = std::size_t{4} << 20;           ///< per origin; guess: 140 kB/s with a peer that takes nothing
  std::size_t kept_bytes_max = std::size_t{64} << 20;        ///< of all origins
  std::size_t payload_bytes_max = std::size_t{512} << 10;    ///< half of peer_message_bytes_max

  // --- what a peer's stream may hold of ours before payloads are announced to it only; again under half of it
  std::size_t backlog_bytes_max = std::size_t{256} << 10;
  std::size_t answer_bytes_max = std::size_t{64} << 10;      ///< payloads in answer to one GRAFT

  // --- who may make us remember what
  std::size_t origins_max = 16'384;
  std::size_t unproven_origins_per_peer = 4'096;             ///< announced, no payload verified yet: 0.5 kB each
  std::size_t gone_max = 16'384;                             ///< origins that are gone: 64 bytes each

  // --- rates per peer; what is beyond is not looked at. An honest peer sends half of them at most: it is held to its
  // own `grafts_per_second`, announces an origin once a batch, and prunes an origin on a link two or three times.
  double grafts_per_second = 64, grafts_burst = 256;         ///< 4 MiB/s of answers
  double holdings_per_second = 10'000, holdings_burst = 20'000;
  double prunes_per_second = 512, prunes_burst = 4'096;
  std::uint16_t duplicates_max = 1'024;                      ///< in a row, of one origin, in spite of our PRUNEs
};

}  // namespace bp2p::gossip
