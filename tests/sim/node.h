// An Erlang node with its shim, as far as its daemon and its peers can tell: it attaches, dials the nodes it wants to
// talk to, dials back when it is told to, and hears nodeup and nodedown.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "proto/base/node_name.h"
#include "proto/wire/local_frame.h"
#include "tests/sim/event_queue.h"

namespace bp2p::sim {

class Host;
class World;

class Node {
 public:
  Node(World& world, Host& host, NodeName own_name) : world_(world), host_(host), name_(std::move(own_name)) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// The VM starts, with no memory of any start before.
  void start();
  /// kill -9: its sockets are closed, that is all anybody hears.
  void kill();
  /// Dials every peer it wants and has no channel with, at once.
  void dial_all_wanted();
  void dial(const NodeName& peer);
  /// To all who subscribed to the tag. False: it is not attached.
  bool broadcast(ByteView payload);
  static constexpr std::string_view tag = "news";

  // From its daemon.
  void on_frame(SessionId leg, const local::Frame& frame);
  void on_closed(SessionId leg);
  void on_daemon_gone();
  void on_daemon_started();

  // From the data road, on the channel of one of its legs.
  /// A node says its name first: is it taken? (dist_util's handling of two connections at once.)
  bool takes(SessionId leg, const NodeName& peer);
  /// The handshake of a channel that this node dialled came to nothing, or a better one is there.
  void on_up(SessionId leg, const NodeName& peer, std::uint32_t peer_creation);

  const NodeName& name() const { return name_; }
  Host& host() const { return host_; }
  bool is_running() const { return is_running_; }
  bool is_attached() const { return is_running_ && attached_; }
  unsigned starts() const { return starts_; }
  std::uint32_t creation() const { return creation_; }
  bool is_connected(const NodeName& peer) const {
    const auto found = peers_.find(peer);
    return found != peers_.end() && found->second.is_up;
  }
  std::optional<SessionId> leg_with(const NodeName& peer) const {
    const auto found = peers_.find(peer);
    return found != peers_.end() && found->second.is_up ? std::optional{found->second.leg} : std::nullopt;
  }
  std::uint32_t creation_of(const NodeName& peer) const { return peers_.at(peer).creation; }
  TimePoint detached_at() const { return detached_at_; }

  std::set<NodeName> wants;
  std::map<NodeName, std::string> last_refusals;

 private:
  struct Peer {
    SessionId leg;
    bool dialled_here = false;
    bool is_up = false;
    std::uint32_t creation = 0;
  };
  void attach();
  void attach_later();
  void subscribe();
  void dial_later(const NodeName& peer, Duration at_least);
  void drop(const NodeName& peer, bool hang_up);
  void forget_legs();

  World& world_;
  Host& host_;
  const NodeName name_;
  bool is_running_ = false;
  unsigned starts_ = 0;
  std::optional<SessionId> session_;
  bool attached_ = false;
  TimePoint detached_at_{};
  SessionToken token_;
  std::uint32_t creation_ = 0;
  std::uint32_t last_request_ = 0;
  std::map<NodeName, Peer> peers_;
  std::map<SessionId, NodeName> legs_;
  std::set<NodeName> dials_planned_;
};

}  // namespace bp2p::sim
