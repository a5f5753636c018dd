// The schema of `barrel-p2pd status --json`, as far as the core knows it. The daemon adds what only it can
// see: bytes, round-trip times, loss, MTU.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

struct SessionStatus {
  SessionId session;
  std::optional<NodeName> name;  ///< none yet: a node without a name
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::uint32_t creation = 0;
  bool hidden = false;
  bool listens = true;
  Duration since{};  ///< how long ago it attached
};

struct LinkStatus {
  LinkId link;
  PublicKey key;
  Address address;
  bool dialled_here = false;
  bool admitted = false;
  std::vector<NodeName> names;  ///< proven
  Duration since{};
};

struct ChannelStatus {
  SessionId leg;
  std::optional<LinkId> link;  ///< none: both nodes are here
  std::optional<NodeName> local, remote;
  bool opened_here = false;
  Duration since{};
};

/// A name that we are trying to reach and cannot.
struct TryingStatus {
  NodeName name;
  std::string last_error;
  std::uint32_t failures = 0;
  Duration next_try_in{};
};

struct Status {
  std::vector<SessionStatus> sessions;
  std::vector<LinkStatus> links;
  std::vector<ChannelStatus> channels;
  std::vector<TryingStatus> trying;
  std::uint64_t refused_frames = 0;
  std::uint64_t refused_links = 0;
  std::uint64_t refused_sessions = 0;
};

}  // namespace bp2p
