#include "tests/sim/node.h"

#include "proto/wire/term.h"
#include "tests/sim/host.h"
#include "tests/sim/world.h"

namespace bp2p::sim {
namespace {

constexpr Duration net_setup_time = 7s;  // kernel's net_setuptime

}  // namespace

void Node::start() {
  if (is_running_) return;
  is_running_ = true;
  ++starts_;
  token_ = {};
  creation_ = 0;
  detached_at_ = world_.queue.now();
  attach();
}

void Node::kill() {
  if (!is_running_) return;
  is_running_ = false;
  const auto session = session_;
  forget_legs();
  if (session) host_.hang_up(*session);
  world_.checks.on_node_killed(*this);
}

/// What the sockets of a VM come to when it dies: all are closed, nothing is said.
void Node::forget_legs() {
  const auto legs = legs_;
  legs_.clear();
  peers_.clear();  // a dead node hears no nodedown
  dials_planned_.clear();
  session_.reset();
  attached_ = false;
  for (const auto& [leg, peer] : legs) host_.hang_up(leg);
}

void Node::attach() {
  if (!is_running_ || session_ || !host_.is_up()) return;
  session_ = host_.connect(*this, local::encode(local::Attach{.hidden = false, .listens = true, .name = name_,
                                                              .token = token_, .creation = creation_}));
}

/// What the daemon knows of a session goes with the session.
void Node::subscribe() {
  const Term to_tag = Term::tuple({Term::atom("broadcast"), Term::binary(tag)});
  for (const Term& what : {Term::atom("neighbours"), Term::atom("members"), to_tag}) {
    const Bytes term = encode_term(Term::tuple({Term::atom("subscribe"), what}));
    host_.say(*session_, local::encode(local::Request{++last_request_, term}));
  }
}

bool Node::broadcast(ByteView payload) {
  if (!is_attached() || !session_) return false;
  host_.say(*session_, local::encode(local::Broadcast{++last_request_, as_bytes(tag), payload}));
  return true;
}

void Node::attach_later() {
  world_.queue.after(50ms + world_.draw(500ms), [this, start = starts_] {
    if (start == starts_) attach();
  });
}

void Node::dial_all_wanted() {
  for (const NodeName& peer : wants) dial(peer);
}

void Node::dial_later(const NodeName& peer, Duration at_least) {
  if (!wants.contains(peer) || !dials_planned_.insert(peer).second) return;
  world_.queue.after(at_least + world_.draw(2s), [this, peer, start = starts_] {
    if (start != starts_ || dials_planned_.erase(peer) == 0) return;
    dial(peer);
  });
}

void Node::dial(const NodeName& peer) {
  if (!is_attached() || peers_.contains(peer)) return;
  const SessionId leg = host_.connect(*this, local::encode(local::Dial{token_, peer}));
  legs_.emplace(leg, peer);
  peers_.emplace(peer, Peer{.leg = leg, .dialled_here = true});
  world_.queue.after(net_setup_time, [this, peer, leg] {
    const auto found = peers_.find(peer);
    if (found == peers_.end() || found->second.leg != leg || found->second.is_up) return;
    drop(peer, true);
    dial_later(peer, 200ms);
  });
}

void Node::drop(const NodeName& peer, bool hang_up) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  const Peer gone = found->second;
  peers_.erase(found);
  legs_.erase(gone.leg);
  if (gone.is_up) world_.checks.on_node_down(*this, peer);
  if (hang_up) host_.hang_up(gone.leg);
}

void Node::on_frame(SessionId leg, const local::Frame& frame) {
  if (!is_running_) return;
  if (const auto* attached = std::get_if<local::Attached>(&frame); attached != nullptr && leg == session_) {
    const bool is_first = creation_ == 0;
    token_ = attached->token;
    creation_ = world_.is_broken(Breakage::same_creation) ? 4 : attached->creation;
    attached_ = true;
    world_.checks.on_attached(*this, is_first);
    subscribe();
    for (const NodeName& peer : wants) dial_later(peer, 0s);
  } else if (const auto* incoming = std::get_if<local::Incoming>(&frame)) {
    const auto answer_in = world_.rng.below(50) == 0 ? 100ms + world_.draw(6s) : 1ms + world_.draw(10ms);
    world_.queue.after(answer_in, [this, heard = *incoming, start = starts_] {
      if (start != starts_ || !is_attached()) return;
      const SessionId accepting = host_.connect(*this, local::encode(local::Accept{heard.ticket}));
      if (heard.from) legs_.emplace(accepting, *heard.from);
    });
  } else if (const auto* refused = std::get_if<local::Refused>(&frame)) {
    if (const auto found = legs_.find(leg); found != legs_.end())
      last_refusals[found->second] = std::string{name_of(refused->code)} + ": " + refused->text;
    world_.checks.on_refused(*this, leg, *refused);
  }
}

void Node::on_closed(SessionId leg) {
  if (leg == session_) {
    session_.reset();
    attached_ = false;
    detached_at_ = world_.queue.now();
    if (is_running_) attach_later();
    return;
  }
  const auto found = legs_.find(leg);
  if (found == legs_.end()) return;
  const NodeName peer = found->second;
  legs_.erase(found);
  if (const auto entry = peers_.find(peer); entry != peers_.end() && entry->second.leg == leg) {
    drop(peer, false);
    dial_later(peer, 200ms);
  }
}

void Node::on_daemon_gone() {
  if (!is_running_) return;
  const auto legs = legs_;
  for (const auto& [leg, peer] : legs) on_closed(leg);
  session_.reset();
  if (attached_) detached_at_ = world_.queue.now();
  attached_ = false;
}

void Node::on_daemon_started() {
  if (is_running_) attach_later();
}

bool Node::takes(SessionId leg, const NodeName& peer) {
  if (!is_running_) return false;
  if (const auto found = peers_.find(peer); found != peers_.end()) {
    const bool is_mine_first = !found->second.is_up && found->second.dialled_here && name_ > peer;
    if (is_mine_first) return false;  // `nok`: the other one gives way
    drop(peer, true);
  }
  legs_.emplace(leg, peer);
  peers_.emplace(peer, Peer{.leg = leg});
  return true;
}

void Node::on_up(SessionId leg, const NodeName& peer, std::uint32_t peer_creation) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || found->second.leg != leg) return;
  found->second.is_up = true;
  found->second.creation = peer_creation;
  world_.checks.on_node_up(*this, peer, peer_creation);
  if (world_.is_broken(Breakage::node_hears_twice)) world_.checks.on_node_up(*this, peer, peer_creation);
}

}  // namespace bp2p::sim
