// A channel is asked for, by a node here or by a peer for one of its nodes; the target is told, dials back, and
// the channel starts.
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {

std::optional<NodeName> Core::Impl::name_of_session(SessionId id) {
  const auto* node = sessions.find_as<NodeSession>(id);
  return node == nullptr ? std::nullopt : node->name;
}

IncomingId Core::Impl::announce(SessionId target, NodeName to, std::optional<NodeName> from,
                          std::variant<Incoming::FromPeer, SessionId> origin, Now now, Effects& out) {
  const IncomingId id{++last_id};
  Incoming told{.id = id, .ticket = random<Ticket>(), .target = target, .to = std::move(to), .from = std::move(from),
                .origin = origin};
  out.emplace_back(SendToSession{target, local::encode(local::Incoming{told.ticket, told.from})});
  BP2P_CHECK(tickets.emplace(told.ticket, id).second);  // 16 random bytes
  sessions.find_as<NodeSession>(target)->incoming.insert(id);
  incoming.emplace(id, std::move(told));
  deadlines.set({Deadlines::Of::incoming, id.value}, now.steady + config.accept_budget);
  return id;
}

void Core::Impl::forget_incoming(IncomingId id) {
  const auto found = incoming.find(id);
  if (found == incoming.end()) return;
  const Incoming& told = found->second;
  deadlines.clear({Deadlines::Of::incoming, id.value});
  tickets.erase(told.ticket);
  if (auto* target = sessions.find_as<NodeSession>(told.target)) target->incoming.erase(id);
  if (const auto* origin = std::get_if<Incoming::FromPeer>(&told.origin)) {
    if (Link* link = links.find(origin->link)) link->incoming.erase(origin->channel);
  } else if (auto* dialler = sessions.find_as<DialLeg>(std::get<SessionId>(told.origin))) {
    dialler->local.reset();
  }
  incoming.erase(found);
}

void Core::Impl::refuse_incoming(IncomingId id, RefuseCode code, const std::string& text, Now now, Effects& out) {
  const auto found = incoming.find(id);
  if (found == incoming.end()) return;
  const auto origin = found->second.origin;
  forget_incoming(id);
  if (const auto* from_peer = std::get_if<Incoming::FromPeer>(&origin)) {
    out.emplace_back(SendToLink{from_peer->link, peer::encode(peer::ChannelRefused{from_peer->channel, code, text})});
  } else {
    refuse(std::get<SessionId>(origin), code, text, now, out);
  }
}

// --- a node here dialled ----------------------------------------------------------------------------

void Core::Impl::open_local(SessionId leg, SessionId target, Now now, Effects& out) {
  auto& waiting = *sessions.find_as<DialLeg>(leg);
  const auto& node = *sessions.find_as<NodeSession>(target);
  if (!node.listens)
    return refuse(leg, RefuseCode::not_listening, node.name->text() + " does not accept connections", now, out);
  if (node.incoming.size() >= limits::incoming_per_session_max)
    return refuse(leg, RefuseCode::too_many, node.name->text() + " has too many connections to answer", now, out);
  end_search(waiting.search);
  waiting.local = announce(target, *node.name, name_of_session(waiting.owner), leg, now, out);
  deadlines.set({Deadlines::Of::session, leg.value}, waiting.deadline);
}

void Core::Impl::open_on_link(SessionId leg, LinkId link_id, Now now, Effects& out) {
  auto& waiting = *sessions.find_as<DialLeg>(leg);
  Link& link = *links.find(link_id);
  if (link.channels_and_asked() >= limits::channels_per_link_max)
    return refuse(leg, RefuseCode::too_many, "the link to that daemon carries too many channels already", now, out);
  const std::uint64_t channel = link.next_channel;
  link.next_channel += 2;
  link.opens.emplace(channel, leg);
  waiting.asked = DialLeg::Asked{link_id, channel, link.proven.contains(waiting.search.name()), now.steady + attempt_alone};
  dials_may_be_unwanted = true;
  deadlines.set({Deadlines::Of::session, leg.value}, std::min(waiting.deadline, waiting.asked->until));
  out.emplace_back(SendToLink{
      link_id, peer::encode(peer::ChannelOpen{channel, name_of_session(waiting.owner), waiting.search.name(), {}})});
}

/// The opener does not wait for an answer any more.
void Core::Impl::withdraw_open(DialLeg& leg, Effects& out) {
  if (!leg.asked) return;
  if (Link* link = links.find(leg.asked->link)) {
    link->opens.erase(leg.asked->channel);
    out.emplace_back(SendToLink{link->id, peer::encode(peer::ChannelCancel{leg.asked->channel})});
  }
  leg.asked.reset();
}

void Core::Impl::on_channel_opened(Link& link, const peer::ChannelOpened& opened, Now now, Effects& out) {
  const auto found = link.opens.find(opened.channel);
  if (found == link.opens.end()) return;  // our ChannelCancel crossed it
  const SessionId leg = found->second;
  Connection& connection = *sessions.find(leg);
  auto& waiting = std::get<DialLeg>(connection.is);
  const NodeName to = waiting.search.name();
  if (!link.proven.contains(to)) {  // I1
    const bool is_claimed = std::ranges::contains(link.record->body.names, to);
    const std::string text = is_claimed ? not_served_text(link, to, now)
                                        : "the daemon at " + link.facts.peer_address.text() + " does not serve " + to.text();
    note_channel(link, to, is_claimed ? RefuseCode::not_trusted : RefuseCode::no_such_node, text, now);
    return refuse(leg, is_claimed ? RefuseCode::not_trusted : RefuseCode::no_such_node, text, now, out);
  }
  link.opens.erase(found);
  end_search(waiting.search);
  const SessionId owner = waiting.owner;
  const ChannelNames names{.local = name_of_session(owner), .remote = to};
  deadlines.clear({Deadlines::Of::session, leg.value});
  out.emplace_back(SendToSession{leg, local::encode(local::Ready{})});
  start_on_link(connection, owner, link, opened.channel, true, names, now, out);
}

void Core::Impl::on_channel_refused(Link& link, const peer::ChannelRefused& refused, Now now, Effects& out) {
  const auto found = link.opens.find(refused.channel);
  if (found == link.opens.end()) return;
  const SessionId leg = found->second;
  auto& waiting = *sessions.find_as<DialLeg>(leg);
  const bool was_proven = waiting.asked->was_proven;
  link.opens.erase(found);
  waiting.asked.reset();
  if (refused.code == RefuseCode::moved) {
    // Should the other link not come to anything, this one is asked again.
    waiting.search.moved_from = link.id;
    waiting.search.moved_until = now.steady + std::chrono::seconds{1};
    searches_may_move = true;
    return;
  }
  const std::string text = clean(refused.text);
  note_channel(link, waiting.search.name(), refused.code, text, now);
  if (refused.code == RefuseCode::no_such_node && !was_proven) {
    waiting.search.refused_by.insert(link.id);
    waiting.search.note(refused.code, link.facts.peer_address.text() + ": " + text);
    searches_may_move = true;
    return;
  }
  const auto number = static_cast<std::uint16_t>(refused.code);
  const bool is_known = number >= 1 && number <= static_cast<std::uint16_t>(RefuseCode::not_listening);
  refuse(leg, is_known ? refused.code : RefuseCode::unreachable, text.empty() ? "refused by the peer's daemon" : text, now, out);
}

// --- a peer's node dialled --------------------------------------------------------------------------

void Core::Impl::on_channel_open(Link& link, peer::ChannelOpen open, Now now, Effects& out) {
  const LinkId id = link.id;
  const std::uint64_t parity = link.dialled_here() ? 1 : 0;  // even by the connection's client
  if (open.channel % 2 != parity || open.channel < link.peer_channels_from)
    return close_link(id, LinkCode::bad_message, "a channel number that is not the peer's to choose", now, out);
  link.peer_channels_from = open.channel + 1;
  const auto refuse_open = [&](RefuseCode code, std::string text) {
    out.emplace_back(SendToLink{id, peer::encode(peer::ChannelRefused{open.channel, code, std::move(text)})});
  };

  if (stopping) return refuse_open(RefuseCode::shutting_down, "the daemon is stopping");
  if (link.losing || links.has_better_coming(link))
    return refuse_open(RefuseCode::moved, "there is a better link between the two daemons");
  if (open.from && !link.proven.contains(*open.from)) {  // I1
    const std::string why = not_pinned_text(link, *open.from, now);
    if (!why.empty()) return refuse_open(RefuseCode::not_trusted, "your key is not pinned for " + open.from->text() + " yet" + why);
    say(out, Severity::warning, "channel.impersonation",
        "the daemon at " + link.facts.peer_address.text() + " (" + signing.show(link.facts.peer_key) +
            ") asked for a channel in the name of " + open.from->text() + ", which its key is not proven for; refused");
    return refuse_open(RefuseCode::not_trusted, "your key is not proven for " + open.from->text());
  }
  if (link.incoming.size() >= limits::incoming_per_link_max || link.channels_and_asked() >= limits::channels_per_link_max)
    return refuse_open(RefuseCode::too_many, "too many channels on this link");
  const auto target = sessions.named(open.to);
  if (!target) return refuse_open(RefuseCode::no_such_node, open.to.text() + " is not attached to this daemon");
  const auto& node = *sessions.find_as<NodeSession>(*target);
  if (!node.listens) return refuse_open(RefuseCode::not_listening, open.to.text() + " does not accept connections");
  if (node.incoming.size() >= limits::incoming_per_session_max)
    return refuse_open(RefuseCode::too_many, open.to.text() + " has too many connections to answer");
  const auto told =
      announce(*target, std::move(open.to), std::move(open.from), Incoming::FromPeer{id, open.channel}, now, out);
  link.incoming.emplace(open.channel, told);
}

void Core::Impl::on_channel_cancel(Link& link, const peer::ChannelCancel& cancel, Now now, Effects& out) {
  if (const auto told = link.incoming.find(cancel.channel); told != link.incoming.end()) return forget_incoming(told->second);
  const std::uint64_t peer_parity = link.dialled_here() ? 1 : 0;
  const auto running = link.channels.find(cancel.channel);
  // Only the opener cancels, and only what it opened. Our ChannelOpened crossed its ChannelCancel: nobody is there.
  if (running == link.channels.end() || cancel.channel % 2 != peer_parity) return;
  const SessionId leg = running->second;
  out.emplace_back(CloseSession{leg});
  on_channel_closed(leg, now, out);
}

// --- both -------------------------------------------------------------------------------------------

void Core::Impl::start_on_link(Connection& leg, SessionId owner, Link& link, std::uint64_t channel, bool opened_here,
                               ChannelNames names, Now now, Effects& out) {
  out.emplace_back(StartChannel{leg.id, link.id, channel, opened_here, names});
  link.channels.emplace(channel, leg.id);
  if (names.remote) ++link.spoken_with[*names.remote].open;
  sessions.become_channel(leg, {owner, link.id, channel, std::nullopt, names.local, names.remote, opened_here});
  leg.since = now.steady;
}

void Core::Impl::on_channel_closed(SessionId leg, Now now, Effects& out) {
  const auto* channel = sessions.find_as<ChannelLeg>(leg);
  if (channel == nullptr) return;
  const ChannelLeg closed = *channel;
  sessions.erase(leg);
  if (closed.is_reaped) {
    ++channels_reaped;
    say(out, Severity::debug, "channel.reaped",
        "the channel between " + shown(closed.local) + " and " + shown(closed.remote) +
            " was not used and is closed; the next message opens another");
  }
  Link* link = closed.link ? links.find(*closed.link) : nullptr;
  if (link == nullptr) return;
  link->channels.erase(closed.channel);
  link->last_use = now.steady;
  if (closed.remote) {
    Link::Spoken& spoken = link->spoken_with[*closed.remote];
    BP2P_CHECK(spoken.open > 0);
    --spoken.open;
    spoken.last_closed = now.steady;
    link->forget_old_talk(now.steady);
  }
  if (link->losing && link->channels.empty()) settle_duplicates(link->facts.peer_key, now, out);
}

}  // namespace bp2p
