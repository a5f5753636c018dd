// Frames that are in order, onto a node's socket.
#pragma once
#include <cstdint>

#include "proto/dist/merge.h"

namespace bp2p {

enum class NodeWrite : std::uint8_t {
  all,      ///< nothing is left that could go out now
  blocked,  ///< call again when the socket is writable
  gone,     ///< the node closed its end, or died
};

/// What can go out for a node that takes nothing any more goes nowhere.
void drop_gathered(dist::Merge& merge, dist::Credit& credit);

/// Adds to `credit` what each lane has got rid of.
NodeWrite write_gathered(int fd, dist::Merge& merge, dist::Credit& credit);

}  // namespace bp2p
