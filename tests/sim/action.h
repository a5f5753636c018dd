// Something that is done to the daemons. HOST is a daemon's number, `any` or `all`.
//
//   break HOST HOST | break any        the links between two daemons break
//   cut HOST -> HOST for T             packets pass in the other direction alone
//   partition KIND for T               half, islands, bridge, flapping, swizzled
//   weather delay T jitter T loss P    of all paths; loss in percent
//   pause HOST for T                   SIGSTOP
//   crash HOST for T [without state]   kill -9, started again after T; without state: another disk
//   stop HOST for T                    SIGTERM, started again after T
//   remove HOST                        kill -9 and never again, its nodes with it
//   kill HOST for T                    its nodes' VMs, kill -9, started again after T
//   clock HOST +1h for T               a step of the wall clock
//   disk HOST full|unreadable for T
//   storm HOST                         every node there is dials its nodes at once
//   hostile KIND HOST [times N]        silent, forged, replayed, relayed, malformed, oversized, flood, names, honest; and
//                                      as members of the cluster: liar, garbage, accuser, storm, eclipse
//   poison HOST                        look-ups of its nodes' names lead to a hostile peer first
//   draw                               one of these, from the seed
#pragma once
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "tests/sim/event_queue.h"

namespace bp2p::sim {

struct Action {
  enum class Verb : std::uint8_t {
    break_links, cut, partition, weather, pause, crash, stop, remove, kill, clock, disk, storm, hostile, poison, draw,
  };
  static constexpr std::size_t any = 0, all = SIZE_MAX;

  Verb verb;
  std::size_t host = any, other = any;
  Duration span{};       ///< `for`
  Duration delay{}, jitter{};
  Duration step{};       ///< of a clock
  std::uint64_t loss_percent = 0;
  std::string kind{};    ///< of a partition, a disk, a hostile peer
  std::uint64_t times = 1;  ///< so many hostile peers, each with a key of its own
  bool without_state = false;
};

std::expected<Action, std::string> parse_action(std::span<const std::string> words);
/// As parse_action reads it.
std::string show(const Action& action);

}  // namespace bp2p::sim
