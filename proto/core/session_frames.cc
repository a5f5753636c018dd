// A connection of the node socket says what it is (ATTACH, DIAL, ACCEPT).
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {

void Core::Impl::refuse(SessionId id, RefuseCode code, std::string text, Now now, Effects& out) {
  ++refused_sessions;
  out.emplace_back(SendToSession{id, local::encode(local::Refused{code, std::move(text)})});
  out.emplace_back(CloseSession{id});
  drop_session(id, now, out);
}

void Core::Impl::on_session_opened(SessionId id, const Credentials& who, Now now, Effects& out) {
  sessions.add(id, who, now.steady);
  if (stopping) return refuse(id, RefuseCode::shutting_down, "the daemon is stopping", now, out);
  if (sessions.fresh() > limits::fresh_sessions_max)
    return refuse(id, RefuseCode::too_many, "too many connections that have not said what they are", now, out);
  deadlines.set({Deadlines::Of::session, id.value}, now.steady + config.first_frame_budget);
}

void Core::Impl::on_session_frame(SessionId id, ByteView bytes, Now now, Effects& out) {
  Connection* connection = sessions.find(id);
  if (connection == nullptr) return;  // refused in this very input's batch
  const auto frame = local::decode(bytes);
  if (!frame) {
    ++refused_frames;
    return refuse(id, local::refuse_code(frame.error()), std::string{local::describe(frame.error())}, now, out);
  }
  if (std::holds_alternative<Fresh>(connection->is)) return on_first_frame(*connection, *frame, now, out);
  if (std::holds_alternative<NodeSession>(connection->is)) {
    if (const auto* request = std::get_if<local::Request>(&*frame)) return answer(*connection, *request, now, out);
    if (const auto* broadcast_frame = std::get_if<local::Broadcast>(&*frame))
      return answer(*connection, *broadcast_frame, now, out);
    ++refused_frames;
    return refuse(id, RefuseCode::bad_frame, "a session takes REQUEST and BROADCAST frames alone", now, out);
  }
  ++refused_frames;
  refuse(id, RefuseCode::bad_frame, "nothing may be sent between DIAL and READY", now, out);
}

void Core::Impl::on_session_overflow(SessionId id, std::uint64_t length, Now now, Effects& out) {
  if (sessions.find(id) == nullptr) return;
  ++refused_frames;
  refuse(id, RefuseCode::bad_frame, "a frame of " + std::to_string(length) + " bytes is too long", now, out);
}

void Core::Impl::on_first_frame(Connection& connection, const local::Frame& frame, Now now, Effects& out) {
  deadlines.clear({Deadlines::Of::session, connection.id.value});
  // Not before it has spoken: whoever is closed on while it still sends never reads why.
  if (!connection.who.may_attach) {
    say(out, Severity::warning, "session.not_allowed",
        "uid " + std::to_string(connection.who.uid) + " may not use the node socket; add it to the socket's group to let it");
    return refuse(connection.id, RefuseCode::not_allowed,
                  "this uid may not use the node socket: it is not in the socket's group", now, out);
  }
  if (const auto* first = std::get_if<local::Attach>(&frame)) return attach(connection, *first, now, out);
  if (const auto* first = std::get_if<local::Dial>(&frame)) return dial(connection, *first, now, out);
  if (const auto* first = std::get_if<local::Accept>(&frame)) return accept(connection, *first, now, out);
  ++refused_frames;
  refuse(connection.id, RefuseCode::bad_frame, "a connection begins with ATTACH, DIAL or ACCEPT", now, out);
}

bool Core::Impl::may_use_name(const NodeName& name, std::uint32_t uid) const {
  bool is_listed = false;
  for (const auto& [owned, owner] : config.name_owners) {
    if (owned != name) continue;
    if (owner == uid) return true;
    is_listed = true;
  }
  return !is_listed;
}

void Core::Impl::attach(Connection& connection, const local::Attach& frame, Now now, Effects& out) {
  const SessionId id = connection.id;
  if (sessions.nodes() >= config.sessions_max)
    return refuse(id, RefuseCode::too_many, std::to_string(config.sessions_max) + " nodes are attached already", now, out);
  if (frame.name && !may_use_name(*frame.name, connection.who.uid)) {
    say(out, Severity::warning, "session.not_allowed",
        "uid " + std::to_string(connection.who.uid) + " tried to attach as " + frame.name->text() +
            ", a name that the configuration gives to another uid");
    return refuse(id, RefuseCode::not_allowed, "the configuration gives this name to another uid", now, out);
  }
  if (frame.name && sessions.named(*frame.name))
    return refuse(id, RefuseCode::duplicate_name, frame.name->text() + " is attached already", now, out);

  NodeSession node{.name = frame.name, .token = frame.token, .creation = 0, .hidden = frame.hidden,
                   .listens = frame.listens && frame.name.has_value(), .dials = {}, .incoming = {}};
  if (frame.token.is_zero()) {
    // A node that comes back chooses its token, so even a drawn one may be taken: by whoever knows what is drawn.
    do node.token = random<SessionToken>();
    while (sessions.with_token(node.token));
  } else if (sessions.with_token(frame.token)) {
    return refuse(id, RefuseCode::bad_token, "a living session has this token", now, out);
  }
  // A node that was here before a restart goes on with the creation that is in all its pids.
  const bool keeps = !frame.token.is_zero() && creations.keep(frame.creation);
  node.creation = keeps ? frame.creation : creations.next(now.wall);
  const auto claimed_by = node.name ? taken_by(*node.name, signing.own_key()) : std::nullopt;
  const NodeSession& stands = sessions.become_node(connection, std::move(node));
  out.emplace_back(SendToSession{
      id, local::encode(local::Attached{stands.creation, stands.token, config.udp_port, config.fingerprint})});
  say(out, Severity::info, "session.attached",
      shown(stands.name) + " attached (uid " + std::to_string(connection.who.uid) + ", pid " +
          std::to_string(connection.who.pid) + ", creation " + std::to_string(stands.creation) + ")");
  if (claimed_by)
    say(out, Severity::warning, "name.taken",
        stands.name->text() + " attached here, and " + *claimed_by +
            " claims the same name; peers that pinned the name to that key will refuse this daemon");
  if (stands.name) names_changed(now, out);
}

void Core::Impl::dial(Connection& connection, const local::Dial& frame, Now now, Effects& out) {
  const SessionId id = connection.id;
  const auto owner = sessions.with_token(frame.token);
  if (!owner || sessions.find(*owner)->who.uid != connection.who.uid)
    return refuse(id, RefuseCode::bad_token, "no session of this uid has the token; attach first", now, out);
  if (sessions.find_as<NodeSession>(*owner)->dials.size() >= limits::dials_per_session_max ||
      sessions.dials().size() >= limits::dials_max)
    return refuse(id, RefuseCode::too_many, "too many dials are waiting for an answer", now, out);
  sessions.become_dial(connection, DialLeg{.owner = *owner,
                                           .search = Search{frame.to},
                                           .deadline = now.steady + config.dial_budget,
                                           .asked = std::nullopt,
                                           .local = std::nullopt});
  if (const auto redial = redials_by_name.find(frame.to); redial != redials_by_name.end())
    redials.at(redial->second).until = now.steady + redial_for;
  advance_dial(id, now, out);
}

void Core::Impl::accept(Connection& connection, const local::Accept& frame, Now now, Effects& out) {
  const SessionId id = connection.id;
  const auto ticket = tickets.find(frame.ticket);
  // Another uid's try must not use the ticket up.
  if (ticket == tickets.end() || sessions.find(incoming.at(ticket->second).target)->who.uid != connection.who.uid)
    return refuse(id, RefuseCode::bad_ticket, "no such ticket, or it has expired or was used", now, out);
  const Incoming wanted = incoming.at(ticket->second);
  forget_incoming(wanted.id);

  const Bytes ready = local::encode(local::Ready{});
  if (const auto* dialler_id = std::get_if<SessionId>(&wanted.origin)) {
    Connection* dialler = sessions.find(*dialler_id);
    BP2P_CHECK(dialler != nullptr);  // a dialler that goes takes its Incoming along
    const DialLeg& waiting = std::get<DialLeg>(dialler->is);
    const SessionId owner = waiting.owner;
    deadlines.clear({Deadlines::Of::session, dialler_id->value});
    const ChannelNames names{.local = wanted.from, .remote = wanted.to};
    out.emplace_back(SendToSession{*dialler_id, ready});
    out.emplace_back(SendToSession{id, ready});
    out.emplace_back(StartLocalChannel{*dialler_id, id, names});
    sessions.become_channel(*dialler, {owner, std::nullopt, 0, id, names.local, names.remote, true});
    dialler->since = now.steady;
    connection.since = now.steady;
    sessions.become_channel(connection, {wanted.target, std::nullopt, 0, *dialler_id, names.remote, names.local, false});
    return;
  }
  const auto& origin = std::get<Incoming::FromPeer>(wanted.origin);
  Link* link = links.find(origin.link);
  BP2P_CHECK(link != nullptr);  // a link that goes takes its Incomings along
  out.emplace_back(SendToSession{id, ready});
  // The data road knows the channel before the peer may open streams for it.
  start_on_link(connection, wanted.target, *link, origin.channel, false, {.local = wanted.to, .remote = wanted.from}, now,
                out);
  out.emplace_back(SendToLink{link->id, peer::encode(peer::ChannelOpened{origin.channel, {}})});
}

void Core::Impl::drop_session(SessionId id, Now now, Effects& out) {
  Connection* connection = sessions.find(id);
  if (connection == nullptr) return;
  deadlines.clear({Deadlines::Of::session, id.value});
  if (auto* dial_leg = std::get_if<DialLeg>(&connection->is)) {
    withdraw_open(*dial_leg, out);
    if (dial_leg->local) forget_incoming(*dial_leg->local);
    end_search(dial_leg->search);
    sessions.erase(id);
    return;
  }
  if (std::holds_alternative<ChannelLeg>(connection->is)) return on_channel_closed(id, now, out);
  if (auto* node = std::get_if<NodeSession>(&connection->is)) {
    const auto waiting_dials = node->dials;
    const auto waiting_incoming = node->incoming;
    const auto name = node->name;
    for (const SessionId dial_id : waiting_dials)
      refuse(dial_id, RefuseCode::bad_token, "the session that dialled has ended", now, out);
    stop_reaping(id);
    for (const IncomingId each : waiting_incoming)
      refuse_incoming(each, RefuseCode::no_such_node, shown(name) + " has just left", now, out);
    sessions.erase(id);
    if (name) names_changed(now, out);
    return;
  }
  sessions.erase(id);
}

void Core::Impl::on_session_closed(SessionId id, Now now, Effects& out) {
  if (const auto* node = sessions.find_as<NodeSession>(id))
    say(out, Severity::info, "session.ended", shown(node->name) + " left: its session was closed");
  drop_session(id, now, out);
}

void Core::Impl::on_node_named(SessionId leg, const NodeName& name, Now now, Effects& out) {
  auto* channel = sessions.find_as<ChannelLeg>(leg);
  if (channel == nullptr) return;
  const SessionId owner_id = channel->owner;
  auto* owner = sessions.find_as<NodeSession>(owner_id);
  if (owner == nullptr) return;
  if (owner->name == name) {
    channel->local = name;
    return;
  }
  std::string problem;
  if (owner->name) {
    problem = "the node has the name " + owner->name->text() + " already";
  } else if (sessions.named(name)) {
    problem = name.text() + " is attached already";
  } else if (!may_use_name(name, sessions.find(owner_id)->who.uid)) {
    problem = "the configuration gives " + name.text() + " to another uid";
  }
  if (!problem.empty()) {
    say(out, Severity::warning, "session.name_refused",
        "a node was given the name " + name.text() + " by its peer, and loses its session: " + problem);
    out.emplace_back(CloseSession{leg});
    drop_session(leg, now, out);
    return refuse(owner_id, RefuseCode::duplicate_name, problem, now, out);
  }
  sessions.name_node(owner_id, name);
  channel->local = name;
  say(out, Severity::info, "session.named", "a node without a name was given the name " + name.text());
  names_changed(now, out);
}

void Core::Impl::names_changed(Now now, Effects& out) {
  out.emplace_back(PublishNames{sessions.names()});
  if (stopping) return;  // peers hear `goodbye` next
  own.set_names(sessions.names());
  own_record_changed(now, out);
  tell_names(Topic::members, signing.own_key(), out);
  searches_may_move = true;
}

void Core::Impl::send_record(Link& link, Now now, Effects& out) {
  const Bytes& record = own.at(now.wall);
  deadlines.set_if_none({Deadlines::Of::own_record, 0}, now.steady + OwnRecord::refresh_after / 2);  // the wall clock may lag
  if (link.sent_number == own.number()) return;
  link.sent_number = own.number();
  out.emplace_back(SendToLink{link.id, peer::encode(peer::RecordUpdate{record})});
}

}  // namespace bp2p
