// A daemon's data road, as far as the core and the nodes can tell: a channel's two ends, the Erlang handshake with the
// names in it (proto/dist/handshake.h), and its end. No frames: their order is proven elsewhere (tests/unit/proto/dist).
#pragma once
#include <map>
#include <optional>

#include "proto/core/effects.h"
#include "tests/sim/node.h"
#include "tests/sim/party.h"

namespace bp2p::sim {

class Host;
class World;

struct Pipe {
  SessionId leg;
  Node* node;
  std::optional<LinkId> link;       ///< none: both nodes are here
  std::optional<SessionId> other{};
  std::uint64_t channel = 0;
  bool opened_here = false;
  ChannelNames names;
  std::optional<NodeName> peer{};   ///< as it said in the handshake
  std::uint32_t peer_creation = 0;
  bool is_up = false;
};

class Road {
 public:
  Road(World& world, Host& host) : world_(world), host_(host) {}

  void start(const StartChannel& channel, Node& node);
  void start(const StartLocalChannel& channel, Node& dialler, Node& acceptor);
  void on_message(LinkId link, const RoadMessage& message);
  /// The node's end of it is closed, or the core does not allow it any more.
  void end(SessionId leg, bool node_is_told);
  void on_link_gone(LinkId link);
  void clear() { pipes_.clear(); }

  bool has(SessionId leg) const { return pipes_.contains(leg); }
  const Pipe* find(SessionId leg) const {
    const auto found = pipes_.find(leg);
    return found == pipes_.end() ? nullptr : &found->second;
  }
  const std::map<SessionId, Pipe>& pipes() const { return pipes_; }
  Pipe* find(LinkId link, std::uint64_t channel);

 private:
  void say(const Pipe& pipe, RoadMessage::Step step);
  void hear(SessionId leg, const RoadMessage& message);

  World& world_;
  Host& host_;
  std::map<SessionId, Pipe> pipes_;
};

}  // namespace bp2p::sim
