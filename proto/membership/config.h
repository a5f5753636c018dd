// What can be set of the overlay. Upstream's names are beside those that it has too.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proto/base/now.h"

namespace bp2p::membership {

struct Config {
  // HyParView, section 5.1, for 10,000 daemons.
  std::size_t active_size = 5;
  std::size_t passive_size = 30;
  std::uint8_t arwl = 6;  ///< active random walk length
  std::uint8_t prwl = 3;  ///< passive random walk length: where a walking newcomer becomes a spare
  std::size_t shuffle_active = 3;
  std::size_t shuffle_passive = 4;
  Duration shuffle_period = std::chrono::seconds{10};
  /// While shuffles bring nothing new they come only every second, fourth … period, up to this: two thirds of what an
  /// idle daemon says are shuffles (tests/sim/scenarios/idle.txt). A spare is forgotten in 5 minutes, so not much rarer.
  std::uint32_t shuffle_rest_max = 4;

  Duration keep_alive = std::chrono::seconds{10};      ///< guess; I8 speaks of one such period
  std::uint32_t keep_alives_missed = 3;                ///< silence of so many periods is a lost link; guess
  Duration pending_timeout = std::chrono::seconds{5};  ///< pending_timeout_ms: a question waits so long; the budget of a dial
  Duration base_backoff = std::chrono::seconds{1};     ///< base_backoff_ms, doubled at each failure; upstream's default
  std::uint32_t max_fail_count = 5;                    ///< then a spare is given up; upstream's default
  Duration passive_max_age = std::chrono::minutes{5};  ///< passive_max_age_ms; upstream's default
  /// Refusals by full daemons that a short one collects in one shuffle period before it rests; guess.
  std::uint32_t refusals_per_period = 8;
  std::uint32_t rounds_refused_max = 3;                ///< then NEIGHBOR(high), if two links are missing; guess: half of I9's 60 s

  Duration join_eviction_gap = std::chrono::seconds{1};  ///< cluster.md: one link a second goes for JOINs
  Duration high_gap = std::chrono::seconds{10};          ///< cluster.md: per address prefix
  std::size_t protected_outbound = 2;                    ///< cluster.md
  std::uint32_t swaps_per_thousand_rounds = 100;         ///< cluster.md: 0.1 per daemon and round
  std::uint32_t probe_cycles = 10;                       ///< cluster.md: shuffle periods between probes of lost members
  Duration book_retry = std::chrono::minutes{1};         ///< a short daemon asks one of its book so often; I9: 60 s
  std::size_t book_size = 256;                           ///< cluster.md
  Duration lost_kept = std::chrono::hours{24};           ///< cluster.md

  // Death (suspicion.h). Upstream has nothing of it. The three of the timeout are Lifeguard's: alpha = 5 probes of 1 s,
  // beta = 6, K = 3 (section IV); 10,000 members have 20 s with four witnesses and 120 s with one.
  Duration suspicion_min = std::chrono::seconds{5};      ///< times log10 of the members, from 10 on
  std::uint32_t suspicion_max_factor = 6;                ///< so many times the minimum with one witness
  std::uint32_t suspicion_confirmations = 3;             ///< further witnesses until the minimum
  double accusations_per_second = 0.1;                   ///< of one witness; guess
  double accusations_burst = 16;                         ///< three times its links; guess
  Duration alive_gap = std::chrono::seconds{1};          ///< between refutations of ours; guess: well under suspicion_min
  Duration repeat_after = std::chrono::minutes{1};       ///< a witness says it again, then after twice as long each time; guess
  Duration look_every = std::chrono::minutes{5};         ///< any member is tried; guess, as a new peer may cost a pin
  Duration newcomer_for = std::chrono::minutes{1};       ///< it tries whom others suspect; twice what gossip keeps things for; guess
  Duration forget_after = std::chrono::hours{24};        ///< cluster.md; records live no longer, so none brings it back
  std::size_t members_max = 16'384;                      ///< cluster.md, "Scale": 10,000 and room
  Duration health_tick = std::chrono::seconds{1};        ///< an idle daemon wakes so often to notice that it did not; guess
  std::uint32_t health_worst = 8;                        ///< Lifeguard's S
  Duration health_recovery = std::chrono::seconds{10};   ///< in time for so long: one better; guess
  friend bool operator==(const Config&, const Config&) = default;
};

/// What was refused or passed over, since the start.
struct Counters {
  std::uint64_t joins_redirected = 0;
  std::uint64_t high_refused = 0;     ///< NEIGHBOR(high) over its rate
  std::uint64_t walks_ended_empty = 0;
  std::uint64_t swaps_refused = 0;
  std::uint64_t not_a_neighbour = 0;  ///< about third parties, from one that is not in the active view
  std::uint64_t stale = 0;            ///< of an older boot epoch
  std::uint64_t mismatches = 0;       ///< keep-alives of those that we do not have
};

/// The same, of suspicions.
struct SuspicionCounters {
  std::uint64_t members_refused = 0;  ///< over members_max
  std::uint64_t unknown = 0;          ///< of or by somebody we have no record of, or by one who is down
  std::uint64_t stale = 0;            ///< of a life that the suspect has ended or refuted
  std::uint64_t ahead = 0;            ///< of a life that the suspect cannot have spoken of
  std::uint64_t over_rate = 0;        ///< of a witness who has accused too many
  std::uint64_t confirmed = 0, refuted = 0;  ///< suspicions that ended in a death, or did not
  std::uint64_t times_late = 0;       ///< pauses of our own
};

}  // namespace bp2p::membership
