// The connections of the node socket: what each has become, and whose names and tokens they are.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/core/core.h"
#include "proto/core/links.h"
#include "proto/core/search.h"

namespace bp2p {

/// What sessions subscribe to, beside single tags of broadcasts.
enum class Topic : std::uint8_t {
  neighbours,  ///< peer_up, peer_down, joined, left
  members,     ///< member_up, member_down
  broadcasts,  ///< of every tag
};
inline constexpr std::size_t topics = 3;

/// Has not said yet what it is.
struct Fresh {};

/// A node's consent to close its channels that nobody uses (reaping.cc).
struct Reaping {
  Duration min_age;  ///< since the channel was opened, and since something passed on it
  Duration period;   ///< between two looks
};

struct NodeSession {
  std::optional<NodeName> name;
  SessionToken token;
  std::uint32_t creation = 0;
  bool hidden = false;
  bool listens = true;
  std::set<SessionId> dials;        ///< its DIALs that wait
  std::set<IncomingId> incoming;    ///< what it was told of and has not accepted
  std::array<bool, topics> hears{};
  std::set<std::string> tags{};
  std::optional<Reaping> reaping{};
};

/// A DIAL that has not been answered.
struct DialLeg {
  SessionId owner;
  Search search;
  TimePoint deadline;
  struct Asked {
    LinkId link;
    std::uint64_t channel;
    bool was_proven;  ///< the name was, when we asked
    TimePoint until;  ///< then others are asked, unless the name is proven
  };
  std::optional<Asked> asked;       ///< a peer
  std::optional<IncomingId> local;  ///< a node of this daemon
};

/// The data road has it.
struct ChannelLeg {
  SessionId owner;
  std::optional<LinkId> link;
  std::uint64_t channel = 0;
  std::optional<SessionId> other;  ///< both nodes are here
  std::optional<NodeName> local, remote;
  bool opened_here = false;

  // As the last look found it (reaping.cc).
  std::uint64_t passed = 0;
  TimePoint unused_since{};   ///< not before it was opened, whatever this says
  bool is_asked = false;      ///< our node, whether it has anything on the channel; it has not answered
  TimePoint offered_until{};  ///< the other end's node has nothing on it
  bool is_reaped = false;
};

struct Connection {
  SessionId id;
  Credentials who;
  TimePoint since;
  std::variant<Fresh, NodeSession, DialLeg, ChannelLeg> is;
};

/// Somebody wants a channel to a node here, which has been told and has not dialled back.
struct Incoming {
  IncomingId id;
  Ticket ticket;
  SessionId target;
  NodeName to;
  std::optional<NodeName> from;
  struct FromPeer {
    LinkId link;
    std::uint64_t channel;
  };
  std::variant<FromPeer, SessionId> origin;  ///< or the leg of a node here that dialled
};

class Sessions {
 public:
  Connection& add(SessionId id, const Credentials& who, TimePoint now);
  void erase(SessionId id);
  Connection* find(SessionId id);
  /// nullptr when it is something else by now, or gone.
  template <class Kind>
  Kind* find_as(SessionId id) {
    Connection* connection = find(id);
    return connection == nullptr ? nullptr : std::get_if<Kind>(&connection->is);
  }

  NodeSession& become_node(Connection& connection, NodeSession node);
  void name_node(SessionId id, const NodeName& name);
  DialLeg& become_dial(Connection& connection, DialLeg dial);
  void become_channel(Connection& connection, ChannelLeg channel);

  std::optional<SessionId> named(const NodeName& name) const;
  std::optional<SessionId> with_token(const SessionToken& token) const;

  std::vector<NodeName> names() const;
  std::size_t nodes() const { return by_token_.size(); }
  std::size_t fresh() const { return fresh_; }
  const std::set<SessionId>& dials() const { return dials_; }
  const std::map<SessionToken, SessionId>& with_tokens() const { return by_token_; }
  const std::map<SessionId, Connection>& all() const { return connections_; }

 private:
  void leave_kind(Connection& connection);

  std::map<SessionId, Connection> connections_;
  std::map<NodeName, SessionId> by_name_;
  std::map<SessionToken, SessionId> by_token_;
  std::set<SessionId> dials_;
  std::size_t fresh_ = 0;
};

}  // namespace bp2p
