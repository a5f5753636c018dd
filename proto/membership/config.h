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

  Duration keep_alive = std::chrono::seconds{10};      ///< guess; I8 speaks of one such period
  std::uint32_t keep_alives_missed = 3;                ///< silence of so many periods is a lost link; guess
  Duration pending_timeout = std::chrono::seconds{5};  ///< pending_timeout_ms: a question waits so long; the budget of a dial
  Duration base_backoff = std::chrono::seconds{1};     ///< base_backoff_ms, doubled at each failure; upstream's default
  std::uint32_t max_fail_count = 5;                    ///< then a spare is given up; upstream's default
  Duration passive_max_age = std::chrono::minutes{5};  ///< passive_max_age_ms; upstream's default
  /// Refusals by full daemons that a short one collects in one shuffle period before it rests; guess.
  std::uint32_t refusals_per_period = 8;

  Duration join_eviction_gap = std::chrono::seconds{1};  ///< cluster.md: one link a second goes for JOINs
  Duration high_gap = std::chrono::seconds{10};          ///< cluster.md: per address prefix
  std::size_t protected_outbound = 2;                    ///< cluster.md
  std::uint32_t swaps_per_thousand_rounds = 100;         ///< cluster.md: 0.1 per daemon and round
  std::uint32_t probe_cycles = 10;                       ///< cluster.md: shuffle periods between probes of lost members
  std::size_t book_size = 256;                           ///< cluster.md
  Duration lost_kept = std::chrono::hours{24};           ///< cluster.md
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

}  // namespace bp2p::membership
