#include "tests/sim/road.h"

#include "tests/sim/host.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

using Step = RoadMessage::Step;

void Road::start(const StartChannel& channel, Node& node) {
  const Pipe& pipe = pipes_.emplace(channel.leg, Pipe{.leg = channel.leg, .node = &node, .link = channel.link, .channel = channel.channel,
                                                      .opened_here = channel.opened_here, .names = channel.names}).first->second;
  if (pipe.opened_here) return say(pipe, Step::name);
  // daemon/beam/dist_pipe.cc, control_stream_budget
  world_.queue.after(10s, [this, leg = channel.leg, start = host_.start()] {
    const Pipe* still = start == host_.start() ? find(leg) : nullptr;
    if (still != nullptr && !still->peer) end(leg, true);
  });
}

void Road::start(const StartLocalChannel& channel, Node& dialler, Node& acceptor) {
  const ChannelNames turned{.local = channel.names.remote, .remote = channel.names.local};
  pipes_.emplace(channel.acceptor, Pipe{.leg = channel.acceptor, .node = &acceptor, .link = std::nullopt,
                                        .other = channel.dialler, .names = turned});
  const Pipe& pipe = pipes_.emplace(channel.dialler, Pipe{.leg = channel.dialler, .node = &dialler, .link = std::nullopt,
                                                          .other = channel.acceptor, .opened_here = true,
                                                          .names = channel.names}).first->second;
  say(pipe, Step::name);
}

Pipe* Road::find(LinkId link, std::uint64_t channel) {
  for (auto& [leg, pipe] : pipes_)
    if (pipe.link == link && pipe.channel == channel) return &pipe;
  return nullptr;
}

void Road::say(const Pipe& pipe, Step step) {
  RoadMessage message{.step = step, .channel = pipe.channel};
  if (step == Step::name || step == Step::challenge) {
    message.name = pipe.node->name();
    message.creation = pipe.node->creation();
  }
  if (pipe.link) return world_.network.send_road(*pipe.link, message);
  world_.queue.after(100us, [this, other = *pipe.other, message, start = host_.start()] {
    if (start == host_.start() && has(other)) hear(other, message);
  });
}

void Road::on_message(LinkId link, const RoadMessage& message) {
  if (const Pipe* pipe = find(link, message.channel)) return hear(pipe->leg, message);
  // A channel that is not known any more: the stream is refused, and the peer's end breaks.
  if (message.step != Step::close)
    world_.network.send_road(link, RoadMessage{.step = Step::close, .channel = message.channel});
}

void Road::hear(SessionId leg, const RoadMessage& message) {
  Pipe& pipe = pipes_.at(leg);
  switch (message.step) {
    case Step::name:
    case Step::challenge: {
      if (pipe.peer || (message.step == Step::name) == pipe.opened_here) return end(leg, true);
      // I1: the name in the Erlang handshake is the proven one, or the channel ends (proto/dist/handshake.h).
      if (!message.name || (pipe.names.remote && pipe.names.remote != message.name)) return end(leg, true);
      pipe.peer = message.name;
      pipe.peer_creation = message.creation;
      world_.checks.on_channel_named(host_, pipe);
      if (message.step == Step::challenge) return say(pipe, Step::reply);
      if (!pipe.node->takes(leg, *pipe.peer)) return end(leg, true);
      if (Pipe* still = pipes_.contains(leg) ? &pipes_.at(leg) : nullptr) say(*still, Step::challenge);
      return;
    }
    case Step::reply:
    case Step::ack:
      if (!pipe.peer || pipe.is_up || (message.step == Step::reply) == pipe.opened_here) return end(leg, true);
      pipe.is_up = true;
      if (message.step == Step::reply) say(pipe, Step::ack);
      return pipe.node->on_up(leg, *pipe.peer, pipe.peer_creation);
    case Step::close: return end(leg, true);
  }
}

void Road::end(SessionId leg, bool node_is_told) {
  const auto found = pipes_.find(leg);
  if (found == pipes_.end()) return;
  const Pipe pipe = found->second;
  pipes_.erase(found);
  say(pipe, Step::close);
  if (node_is_told) {
    host_.close_leg(leg);
  } else {
    host_.forget_leg(leg);
  }
  host_.on_channel_closed(leg);
}

void Road::on_link_gone(LinkId link) {
  std::vector<SessionId> legs;
  for (const auto& [leg, pipe] : pipes_)
    if (pipe.link == link) legs.push_back(leg);
  for (const SessionId leg : legs) end(leg, true);
}

}  // namespace bp2p::sim
