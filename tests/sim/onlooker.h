// Who is whose neighbour, to somebody who sees all daemons at once.
#pragma once
#include <cstddef>
#include <map>
#include <vector>

#include "proto/base/ids.h"

namespace bp2p::sim {

class World;

struct Sight {
  /// By number of the daemon: parties in its active view, hostile ones too; nothing of who is down.
  std::vector<std::vector<std::size_t>> neighbours;
  /// Daemons that reach one another over links both ends of which are neighbours to each other, over open paths: these
  /// have the same number. 0: it is down or stopped by SIGSTOP, and nobody's neighbour.
  std::vector<std::size_t> component;
  std::size_t components = 0;

  bool has(std::size_t daemon, std::size_t neighbour) const;
  bool are_connected(std::size_t a, std::size_t b) const {
    return a < component.size() && b < component.size() && component[a] != 0 && component[a] == component[b];
  }
};

Sight look(const World& world);
/// Whose key is it? 0: nobody's any more.
std::size_t number_of(const World& world, const PublicKey& key);

}  // namespace bp2p::sim
