// What the core asks the daemon to do, in order. Values only: they can be printed, compared and replayed.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/core/status.h"
#include "proto/wire/codes.h"
#include "proto/wire/link_stream.h"

namespace bp2p {

// --- links ---------------------------------------------------------------------------------------

/// Connect to `to` by QUIC. Answered by on_link_opened (with `dial` in its facts) or on_dial_failed.
struct Dial {
  DialId dial;
  Address to;
};
/// Gives up a dial that has not been answered yet. No answer comes any more.
struct CancelDial {
  DialId dial;
};
/// One PeerMessage on a stream of the link; the driver adds the length.
struct SendToLink {
  LinkId link;
  Bytes message;
  LinkStream stream = LinkStream::link;
};
/// HELLO was accepted: let the peer open streams.
struct AdmitLink {
  LinkId link;
};
/// CONNECTION_CLOSE with this application code. on_link_closed does not follow.
struct CloseLink {
  LinkId link;
  LinkCode code;
  std::string text;
};

// --- names and trust -----------------------------------------------------------------------------

/// Where is this node's daemon? Answered by on_resolved.
struct Resolve {
  ResolveId resolve;
  NodeName name;
  std::vector<Address> known = {};  ///< from the peer records at hand, newest first: the backend `peers` of discovery
};
/// The named nodes that are attached here have changed; all of them. None when the daemon stops.
struct PublishNames {
  std::vector<NodeName> names;
};
/// Read the pins of these names, and which names `key` has. Answered by on_pins_read, in the same order. Link 0: it is
/// about the origin of a broadcast.
struct ReadPins {
  LinkId link;
  PublicKey key;
  std::vector<NodeName> names;
};
/// Write these pins, durably. Answered by on_pins_stored.
struct StorePins {
  LinkId link;
  PublicKey key;
  std::vector<NodeName> names;
};

// --- the node socket -----------------------------------------------------------------------------

/// One frame on a connection of the node socket; the driver adds the length.
struct SendToSession {
  SessionId session;
  Bytes frame;
};
/// Close after what was sent. on_session_closed does not follow. It may name the leg of a running channel: the channel
/// ends then as if the node had closed it, and on_channel_closed may or may not follow.
struct CloseSession {
  SessionId session;
};

// --- channels ------------------------------------------------------------------------------------

/// What the data road must hold a channel to (I1).
struct ChannelNames {
  /// The node at our end; empty for a node without a name (it gets one in the handshake).
  std::optional<NodeName> local;
  /// The node at the far end, proven by its link's key; empty for a node without a name.
  std::optional<NodeName> remote;
};

/// Turns the connection `leg` into a channel over a link. READY has been sent. From here the connection belongs
/// to the data road until on_channel_closed.
struct StartChannel {
  SessionId leg;
  LinkId link;
  std::uint64_t channel;  ///< number on the wire (docs/wire.md 2.1)
  bool opened_here;       ///< our node dialled
  ChannelNames names;
};
/// Two nodes of this daemon: `dialler` and `acceptor` become the two ends of one channel.
struct StartLocalChannel {
  SessionId dialler;
  SessionId acceptor;
  ChannelNames names;  ///< as the dialler sees it: local = dialler's node, remote = acceptor's
};

/// How much has passed on these channels of a session's node? Answered by on_channels_looked_at.
struct LookAtChannels {
  SessionId session;
  std::vector<SessionId> legs;
};
/// Closes a channel in good order, as if the node at our end had: on_channel_closed follows. But only if nothing has passed
/// since ChannelUse said `passed`, and nothing is on its way; else nothing happens.
struct CloseUnusedChannel {
  SessionId leg;
  std::uint64_t passed;
};

// --- for people ----------------------------------------------------------------------------------

enum class Severity : std::uint8_t { debug, info, warning, error };
/// A change that an operator could act on. `name` is stable (`link.admitted`), `text` is one sentence.
struct Event {
  Severity severity;
  std::string name;
  std::string text;
};

/// The answer to Core::on_crawl.
struct CrawlEnded {
  ClusterGraph graph;
};

using Effect = std::variant<Dial, CancelDial, SendToLink, AdmitLink, CloseLink, Resolve, PublishNames, ReadPins, StorePins,
                            SendToSession, CloseSession, StartChannel, StartLocalChannel, LookAtChannels, CloseUnusedChannel,
                            Event, CrawlEnded>;
using Effects = std::vector<Effect>;

}  // namespace bp2p
