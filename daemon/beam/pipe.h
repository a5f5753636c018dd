// What a channel's data road tells the rest of the daemon, be it over a link or between two nodes of this daemon.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

struct PipeStats {
  std::uint64_t bytes_in = 0, bytes_out = 0;    ///< in: from the peer to the node
  std::uint64_t frames_in = 0, frames_out = 0;
  std::uint64_t held_out = 0;                   ///< not acknowledged by the peer's daemon
  std::uint64_t held_in = 0;                    ///< not taken by the node
  std::optional<TimePoint> node_blocked_since;  ///< the node does not read
  std::optional<TimePoint> peer_blocked_since;  ///< we do not read the node
};

/// Whether anybody uses the channel.
struct PipeUse {
  std::uint64_t passed = 0;  ///< another number than before: frames have passed since; ticks do not count
  bool is_moving = false;    ///< something is held, or waits in a node's socket
};
/// Bytes in a socket that nobody has read.
bool has_unread(int fd);

/// What a pipe reports to whoever owns it; none of these may destroy it.
class PipeOwner {
 public:
  virtual ~PipeOwner() = default;
  /// The node at our end was given this name in the handshake.
  virtual void on_node_named(SessionId leg, const NodeName& name) = 0;
  /// It is over; `why` is empty for an orderly end. Destroy it later.
  virtual void on_pipe_over(SessionId leg, const std::string& why) = 0;
};

}  // namespace bp2p
