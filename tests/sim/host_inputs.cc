// What comes to a daemon from links and from the node socket.
#include "tests/sim/effect_text.h"
#include "tests/sim/host.h"
#include "tests/sim/world.h"

#include "tests/sim/sabotage.h"

namespace bp2p::sim {

void Host::on_link_opened(LinkId link, const LinkFacts& facts) {
  world_.checks.on_link_opened(*this, link, facts);
  input("on_link_opened", Digest{}.add(link).add(facts.peer_key), [=](Core& core, Now at_time, Effects& out) {
    core.on_link_opened(link, facts, at_time, out);
  });
}

void Host::on_link_message(LinkId link, LinkStream on, const Bytes& message) {
  world_.trace.line(number, Digest{}.add(link).add(message),
                    [&] { return "heard on link " + std::to_string(link.value) + ": " + describe_message(message); });
  world_.checks.on_link_message(*this, link, message);
  if (is_lost_on_purpose(world_, *this, message)) return;
  input("on_link_message", Digest{}, [=](Core& core, Now at_time, Effects& out) {
    core.on_link_message(link, on, message, at_time, out);
  }, message.size());
}

void Host::on_link_closed(LinkId link, const LinkEnd& why) {
  world_.trace.line(number, Digest{}.add(link).add(static_cast<std::uint64_t>(why.how)).add(why.code), [&] {
    constexpr std::string_view how[] = {"closed by the peer", "idle", "reset", "lost"};
    return "link " + std::to_string(link.value) + " " + std::string{how[static_cast<std::size_t>(why.how)]} + " " + why.text;
  });
  world_.checks.on_link_over(*this, link, why);
  input("on_link_closed", Digest{}, [=](Core& core, Now at_time, Effects& out) {
    core.on_link_closed(link, why, at_time, out);
  });
  in_turn([this, link] { road_.on_link_gone(link); });
}

void Host::on_link_backlog(LinkId link, std::size_t bytes) {
  input("on_link_backlog", Digest{}.add(link).add(bytes), [=](Core& core, Now at_time, Effects& out) {
    core.on_link_backlog(link, bytes, at_time, out);
  });
}

void Host::on_dial_failed(DialId dial, DialError why) {
  input("on_dial_failed", Digest{}.add(dial), [=](Core& core, Now at_time, Effects& out) {
    core.on_dial_failed(dial, why, at_time, out);
  });
}

void Host::on_road(LinkId link, const RoadMessage& message) {
  in_turn([this, link, message] { road_.on_message(link, message); });
}

void Host::on_channel_closed(SessionId leg) {
  input("on_channel_closed", Digest{}.add(leg), [=](Core& core, Now at_time, Effects& out) {
    core.on_channel_closed(leg, at_time, out);
  });
}

// --- the node socket --------------------------------------------------------------------------------

SessionId Host::connect(Node& node, Bytes first_frame) {
  const SessionId leg{world_.network.next_id()};
  if (core_ == nullptr) return leg;
  legs_.emplace(leg, Leg{&node});
  world_.queue.after(20us + world_.draw(500us), [this, leg, frame = std::move(first_frame), start = starts_] {
    if (start != starts_ || !legs_.contains(leg)) return;
    legs_.at(leg).is_known = true;
    input("on_session_opened", Digest{}.add(leg), [=](Core& core, Now at_time, Effects& out) {
      core.on_session_opened(leg, {.uid = 1000, .gid = 1000, .pid = 42}, at_time, out);
    });
    input("on_session_frame", Digest{}.add(leg).add(frame), [=](Core& core, Now at_time, Effects& out) {
      core.on_session_frame(leg, frame, at_time, out);
    }, frame.size());
  });
  return leg;
}

void Host::say(SessionId leg, Bytes frame) {
  const auto found = legs_.find(leg);
  if (core_ == nullptr || found == legs_.end()) return;
  found->second.last_in = std::max(found->second.last_in + 1us, world_.queue.now() + 20us + world_.draw(500us));
  world_.queue.at(found->second.last_in, [this, leg, frame = std::move(frame), start = starts_] {
    if (start != starts_ || !legs_.contains(leg)) return;
    input("on_session_frame", Digest{}.add(leg).add(frame), [=, this](Core& core, Now at_time, Effects& out) {
      core.on_session_frame(leg, frame, at_time, out);
      world_.checks.on_said(*this, leg, frame, out);
    }, frame.size());
  });
}

void Host::hang_up(SessionId leg) {
  const auto found = legs_.find(leg);
  if (core_ == nullptr || found == legs_.end()) return;
  if (road_.has(leg)) return in_turn([this, leg] { road_.end(leg, false); });
  const bool is_known = found->second.is_known;
  legs_.erase(found);
  if (!is_known || world_.is_broken(Breakage::deaf_to_hang_ups)) return;
  input("on_session_closed", Digest{}.add(leg), [=](Core& core, Now at_time, Effects& out) {
    core.on_session_closed(leg, at_time, out);
  });
}

void Host::to_node(SessionId leg, std::function<void(Node&)> what) {
  const auto found = legs_.find(leg);
  if (found == legs_.end()) return;
  Leg& to = found->second;
  to.last = std::max(to.last + 1us, world_.queue.now() + 20us + world_.draw(300us));
  world_.queue.at(to.last, [node = to.node, vm = to.node->starts(), what = std::move(what)] {
    if (node->starts() == vm && node->is_running()) what(*node);
  });
}

void Host::close_leg(SessionId leg) {
  to_node(leg, [leg](Node& node) { node.on_closed(leg); });
  legs_.erase(leg);
}

}  // namespace bp2p::sim
