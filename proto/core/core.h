// The daemon minus its I/O: which peers there are and what they may claim, which nodes are attached, and
// which channels may be opened between them. The data road (dist frames) never passes through here.
//
// One thread drives it: give one input, perform every effect in order, arm one timer for
// next_deadline(), give the next input.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/base/rng.h"
#include "proto/core/effects.h"
#include "proto/core/status.h"
#include "proto/gossip/config.h"
#include "proto/membership/address_book.h"
#include "proto/membership/config.h"
#include "proto/trust/pins.h"
#include "proto/trust/signing.h"

namespace bp2p {

namespace membership {
class HyParView;
class Suspicions;
}  // namespace membership
namespace gossip {
class Plumtree;
}

/// A contact: the daemon that serves a node, or whoever answers at an address.
using JoinTarget = std::variant<NodeName, Address>;

struct CoreConfig {
  std::string cluster = "default";
  Trust trust = Trust::tofu;
  std::string version{};                 ///< of the program, for node_info
  std::string fingerprint{};             ///< of our key, `SHA256:…`
  std::uint16_t udp_port = 0;
  std::vector<Address> advertise{};      ///< goes into our peer record
  std::uint64_t boot_epoch = 0;         ///< larger at every start of this daemon
  Duration dial_budget = std::chrono::seconds{7};       ///< a node's DIAL is answered within it (net_setuptime is 7 s)
  Duration hello_budget = std::chrono::seconds{5};      ///< security.md
  Duration accept_budget = std::chrono::seconds{5};     ///< a node dials back within it
  Duration first_frame_budget = std::chrono::seconds{5};
  Duration reconnect_min = std::chrono::seconds{1};     ///< doubles, with full jitter
  Duration reconnect_max = std::chrono::minutes{1};
  std::size_t sessions_max = 64;
  PinLimits pin_limits{};
  membership::Config membership{};
  gossip::Config gossip{};
  /// Joined at the start, again whenever there is no neighbour, and three times as rarely while one is not with us.
  std::vector<JoinTarget> contacts{};
  Duration contact_retry = std::chrono::seconds{10};
  /// Links that neither channels nor the overlay use are closed after this. Who was talked to a moment ago is talked to
  /// again, and a link that is idle costs a packet in 10 s; guess.
  Duration link_linger = std::chrono::minutes{10};
  /// The address book of the last run.
  std::vector<membership::SavedContact> book{};
  /// uids that may attach under a name: empty = every uid that can open the socket.
  std::vector<std::pair<NodeName, std::uint32_t>> name_owners{};
};

/// What TLS has proven, and where from.
struct LinkFacts {
  PublicKey peer_key;
  Address peer_address;
  Exporter exporter;
  std::optional<DialId> dial;  ///< set when we are the connection's client
};

/// SO_PEERCRED of a connection on the node socket.
struct Credentials {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
  bool may_attach = true;  ///< the uid is root, the daemon's, or in the socket's group
};

/// Why a link that was open is gone.
struct LinkEnd {
  enum class How : std::uint8_t { closed_by_peer, idle, reset, lost };
  How how;
  std::uint64_t code = 0;  ///< with closed_by_peer: LinkCode, or what the peer made up
  std::string text;        ///< what more is known, or ""
};

/// What the data road knows of a channel's use.
struct ChannelUse {
  SessionId leg;
  std::uint64_t passed = 0;  ///< grows with every frame in either direction; ticks do not count
  bool is_moving = false;    ///< something is on its way
};

enum class DialError : std::uint8_t { no_answer, refused, wrong_protocol, bad_certificate, local };

class Core {
 public:
  /// `signing` and `secrets` outlive the core. `rng` draws jitter, never secrets.
  Core(CoreConfig config, const Signing& signing, Secrets& secrets, Rng rng, Now now);
  ~Core();

  // Links. `message` is one PeerMessage without its length; what came on the other stream than it belongs to ends the link.
  void on_link_opened(LinkId link, const LinkFacts& facts, Now now, Effects& out);
  void on_link_message(LinkId link, LinkStream on, ByteView message, Now now, Effects& out);
  void on_link_closed(LinkId link, const LinkEnd& why, Now now, Effects& out);
  void on_dial_failed(DialId dial, DialError why, Now now, Effects& out);

  /// How many bytes the overlay stream holds that the peer has not taken: said whenever it falls below half of
  /// gossip::Config::backlog_bytes_max.
  void on_link_backlog(LinkId link, std::size_t bytes, Now now, Effects& out);

  // Answers to Resolve, ReadPins, StorePins.
  /// An empty list: no backend knows the name.
  void on_resolved(ResolveId resolve, std::vector<Address> addresses, Now now, Effects& out);
  void on_pins_read(LinkId link, PinReads reads, Now now, Effects& out);
  void on_pins_stored(LinkId link, bool stored, Now now, Effects& out);

  // The node socket. `frame` is one payload without its length.
  void on_session_opened(SessionId session, const Credentials& who, Now now, Effects& out);
  void on_session_frame(SessionId session, ByteView frame, Now now, Effects& out);
  /// A frame is announced that is longer than any may be: it was not read.
  void on_session_overflow(SessionId session, std::uint64_t length, Now now, Effects& out);
  void on_session_closed(SessionId session, Now now, Effects& out);

  // The data road reports.
  void on_channel_closed(SessionId leg, Now now, Effects& out);
  /// A node without a name was given this one in the handshake on `leg`.
  void on_node_named(SessionId leg, const NodeName& name, Now now, Effects& out);
  void on_channels_looked_at(SessionId session, const std::vector<ChannelUse>& uses, Now now, Effects& out);

  /// Where this host can be reached has changed: CoreConfig::advertise from now on.
  void on_addresses(std::vector<Address> addresses, Now now, Effects& out);

  // An operator.
  void on_join(const JoinTarget& contact, Now now, Effects& out);
  void on_leave(Now now, Effects& out);
  /// Asks the whole cluster who is whose neighbour. CrawlEnded follows within crawl_gap + crawl_budget, one for all who ask
  /// meanwhile.
  void on_crawl(Now now, Effects& out);

  void on_time(Now now, Effects& out);
  TimePoint next_deadline() const;  ///< `never` when idle

  /// Refuses what is new, tells nodes; the driver closes links with `goodbye` afterwards.
  void on_stop(Now now, Effects& out);

  Status status(Now now) const;
  /// Everybody of the cluster whom this daemon knows, and itself: thousands, maybe.
  std::vector<MemberStatus> members() const;
  /// `whom` is a node's name, an address, or a key as Signing::show has it. None: nothing is known of such a one.
  std::optional<PeerStatus> peer(std::string_view whom, Now now) const;
  // To be looked at: whole clusters are judged by them (tests/sim).
  const membership::HyParView& overlay() const;
  const membership::Suspicions& lives() const;
  const gossip::Plumtree& broadcasts() const;
  /// To be saved now and then, and before a stop: CoreConfig::book of the next run.
  std::vector<membership::SavedContact> address_book(Now now) const;
  /// A saved contact's record, verified as far as its age allows; nullptr: of no use.
  static membership::ContactPtr read_saved(ByteView record, std::string_view cluster, const Signing& signing);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bp2p
