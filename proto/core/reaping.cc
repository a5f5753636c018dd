// A channel that nobody uses is closed, if both nodes let it go (docs/decisions/0008-reaping.md).
//
// The daemon of the node that opened the channel begins: it sees that nothing passes, and asks its node. If that has
// nothing on the channel (no link, no monitor), the channel is offered to the other end, which does the same and closes
// it. What passes meanwhile keeps it open.
#include <algorithm>

#include "proto/core/impl.h"

namespace bp2p {

void Core::Impl::reap(SessionId id, const Reaping& reaping, Now now) {
  sessions.find_as<NodeSession>(id)->reaping = reaping;
  deadlines.set({Deadlines::Of::reaping, id.value}, now.steady + reaping.period);
}

void Core::Impl::stop_reaping(SessionId id) {
  sessions.find_as<NodeSession>(id)->reaping.reset();
  deadlines.clear({Deadlines::Of::reaping, id.value});
}

void Core::Impl::look_at_channels(SessionId id, Now now, Effects& out) {
  deadlines.set({Deadlines::Of::reaping, id.value}, now.steady + sessions.find_as<NodeSession>(id)->reaping->period);
  LookAtChannels look{id, {}};
  for (const auto& [leg_id, connection] : sessions.all())
    if (const auto* leg = std::get_if<ChannelLeg>(&connection.is); leg != nullptr && leg->owner == id) look.legs.push_back(leg_id);
  if (!look.legs.empty()) out.emplace_back(std::move(look));
}

void Core::Impl::on_channels_looked_at(SessionId id, const std::vector<ChannelUse>& uses, Now now, Effects& out) {
  const auto* node = sessions.find_as<NodeSession>(id);
  if (node == nullptr || !node->reaping) return;
  Terms unused;
  for (const ChannelUse& use : uses) {
    Connection* connection = sessions.find(use.leg);
    auto* leg = connection == nullptr ? nullptr : std::get_if<ChannelLeg>(&connection->is);
    if (leg == nullptr) continue;
    if (use.is_moving || use.passed != leg->passed) {
      leg->passed = use.passed;
      leg->unused_since = now.steady;
      leg->is_asked = leg->is_reaped = false;
      leg->offered_until = {};
      continue;
    }
    if (!leg->opened_here || !is_unused(*connection, *leg, *node->reaping, now)) continue;
    leg->is_asked = true;
    unused.push_back(Term::binary(leg->remote->text()));
  }
  if (!unused.empty()) ask_whether_unused(id, std::move(unused), out);
}

/// As far as a daemon can tell.
bool Core::Impl::is_unused(const Connection& connection, const ChannelLeg& leg, const Reaping& reaping, Now now) const {
  if (!leg.remote || now.steady - std::max(leg.unused_since, connection.since) < reaping.min_age) return false;
  if (!leg.link) return true;
  const auto link = links.all().find(*leg.link);
  return link != links.all().end() && !hyparview.view().is_active(link->second.facts.peer_key);
}

void Core::Impl::ask_whether_unused(SessionId id, Terms names, Effects& out) {
  const Bytes term = encode_term(Term::tuple({Term::atom("unused"), Term::list(std::move(names))}));
  out.emplace_back(SendToSession{id, local::encode(local::Event{term})});
}

void Core::Impl::let_go(SessionId id, const std::set<std::string>& names, Now now, Effects& out) {
  std::vector<SessionId> offered;
  for (const auto& [leg_id, connection] : sessions.all()) {
    auto* leg = sessions.find_as<ChannelLeg>(leg_id);
    if (leg == nullptr || leg->owner != id || !leg->is_asked || !names.contains(leg->remote->text())) continue;
    leg->is_asked = false;
    if (leg->opened_here) {
      if (leg->other) offered.push_back(*leg->other);
      else if (links.find(*leg->link) != nullptr) out.emplace_back(SendToLink{*leg->link, peer::encode(peer::ChannelUnused{leg->channel})});
    } else if (now.steady < leg->offered_until) {
      leg->is_reaped = true;
      out.emplace_back(CloseUnusedChannel{leg_id, leg->passed});
    }
  }
  for (const SessionId leg : offered) on_offered(leg, now, out);
}

void Core::Impl::on_channel_unused(Link& link, const peer::ChannelUnused& unused, Now now, Effects& out) {
  if (const auto found = link.channels.find(unused.channel); found != link.channels.end()) on_offered(found->second, now, out);
}

void Core::Impl::on_offered(SessionId leg_id, Now now, Effects& out) {
  Connection* connection = sessions.find(leg_id);
  auto* leg = connection == nullptr ? nullptr : std::get_if<ChannelLeg>(&connection->is);
  if (leg == nullptr || leg->opened_here || now.steady < leg->offered_until) return;
  const auto* node = sessions.find_as<NodeSession>(leg->owner);
  if (node == nullptr || !node->reaping || !is_unused(*connection, *leg, *node->reaping, now)) return;
  leg->is_asked = true;
  leg->offered_until = now.steady + limits::let_go_is_good_for;
  ask_whether_unused(leg->owner, {Term::binary(leg->remote->text())}, out);
}

}  // namespace bp2p
