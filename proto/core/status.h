// What `barrel-p2pd status`, `peers` and `members` show, as far as the core knows it. The daemon adds what only it can
// see: bytes, round-trip times, loss, MTU. Names of other daemons' nodes are what their signed records say, where nothing
// else is said; those of links are proven.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/core/crawl.h"
#include "proto/core/ledger.h"
#include "proto/gossip/plumtree.h"
#include "proto/membership/config.h"
#include "proto/membership/suspicion.h"
#include "proto/membership/view.h"

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

struct NeighbourStatus {
  PublicKey key;
  std::vector<NodeName> names;
  membership::Direction direction{};
  Duration heard{};  ///< how long ago its last message came
};

struct SpareStatus {
  PublicKey key;
  std::vector<NodeName> names;
  Duration since{};            ///< how long ago it became one
  std::uint32_t failures = 0;  ///< in a row
};

/// How many of the cluster are what, this daemon among those alive.
struct MemberCounts {
  std::size_t alive = 0, suspected = 0, down = 0, left = 0;
};

struct OverlayStatus {
  bool is_joined = false;
  std::size_t neighbours_wanted = 0;         ///< membership.active_size
  std::vector<NeighbourStatus> neighbours;   ///< the longest-standing first
  std::vector<SpareStatus> spares;           ///< at most membership.passive_size
  MemberCounts members;
  std::size_t book = 0, book_lost = 0;       ///< in the address book, and how many of these were lost
  membership::Counters membership;
  membership::SuspicionCounters suspicion;
  gossip::Counters gossip;
  gossip::Usage gossip_usage;
  std::uint64_t broadcasts_unheard = 0;  ///< dropped: nobody knows, or trusts, their origin
};

struct MemberStatus {
  PublicKey key;
  std::vector<NodeName> names;
  membership::Suspicions::Status status{};
  bool is_self = false;
};

/// The overlay as its daemons see it (proto/core/crawl.h).
struct ClusterGraph {
  struct Daemon {
    PublicKey key;
    std::vector<NodeName> names;
    Crawl::Answer answer{};
    bool is_self = false;
    std::optional<membership::Suspicions::Status> as_member;  ///< none: not a member that we heard of
    std::vector<PublicKey> neighbours;  ///< as it says
  };
  std::size_t members = 0;  ///< that this daemon holds to live, itself among them
  Duration took{};
  std::vector<Daemon> daemons;  ///< in the order of keys
};

/// Of a node's name, a key or an address: who that is, and what was tried.
struct PeerStatus {
  struct OfDaemon {
    PublicKey key;
    std::vector<NodeName> names;
    std::vector<Address> addresses;                           ///< that it says of itself
    std::optional<membership::Suspicions::Status> as_member;  ///< none: not a member that we heard of
    bool is_self = false;
  };
  std::vector<OfDaemon> daemons;         ///< that say they serve the name, or have the key
  std::optional<TryingStatus> trying;
  bool is_joining = false;               ///< through it, now
  std::vector<Ledger::Entry> attempts;   ///< the oldest first
};

struct Status {
  std::vector<SessionStatus> sessions;
  std::vector<LinkStatus> links;
  std::vector<ChannelStatus> channels;
  std::vector<TryingStatus> trying;
  OverlayStatus overlay;
  std::uint64_t refused_frames = 0;
  std::uint64_t refused_links = 0;
  std::uint64_t refused_sessions = 0;
  std::uint64_t channels_reaped = 0;
};

}  // namespace bp2p
