// A scenario as a person writes it (tests/sim/scenarios/*.txt): what happens when.
//
//   nodes 8                       daemons, when the command line does not say; `3 to 64`: drawn from the seed, few more often
//   wants 3                       how many peers each node wants a channel with
//   contacts 2                    how many daemons each is told of, that came before it
//   broadcasts 2s                 some node broadcasts so often; `never`
//   first_contacts 32             new names that a daemon pins in an hour
//   idle from 300s                from then until calm nothing is going on, and hardly anything may be said
//   at 10s cut 1 -> 2 for 40s     one way; the peer does not notice before its idle time-out
//   every 3s from 5s to 90s draw  a fault drawn from the seed
//   calm at 100s                  all faults end, an operator puts right what only an operator can
//   deadline 90s                  so long after that, everything must be well
//
// Actions: tests/sim/action.h.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/action.h"

namespace bp2p::sim {

struct Scenario {
  struct Step {
    Duration at;
    Action action;
  };
  std::string name;
  std::size_t nodes_min = 5, nodes_max = 5;
  std::size_t wants = 3;
  /// Many more than the daemon's own: strangers may use it up, and then nobody new is met, which is as it should be
  /// and not what most scenarios are about.
  std::size_t first_contacts = 100'000;
  std::size_t contacts = 2;
  std::optional<Duration> broadcasts = Duration{2s};
  std::optional<Duration> idle_from{};
  std::vector<Step> steps;
  Duration calm_at = 60s;
  Duration deadline = 90s;

  /// Errors: one line, `line 7: …`.
  static std::expected<Scenario, std::string> parse(std::string name, std::string_view text);
};

/// `1.5s`, `200ms`, `2m`, `1h`; negative with `-`.
std::expected<Duration, std::string> parse_duration(std::string_view text);
std::string show(Duration span);

}  // namespace bp2p::sim
