// What sessions ask of the daemon (docs/wire.md 1.2).
#include "proto/core/impl.h"

namespace bp2p {
namespace {

Term ok() { return Term::atom("ok"); }
Term ok(Term value) { return Term::tuple({Term::atom("ok"), std::move(value)}); }
Term error(std::string_view why) { return Term::tuple({Term::atom("error"), Term::atom(why)}); }

/// `{Name, Argument}`: the argument; else nullptr.
const Term* argument_of(const Term& request, std::string_view name) {
  const auto* tuple = std::get_if<Tuple>(&request.value);
  if (tuple == nullptr || tuple->items.size() != 2 || tuple->items[0] != Term::atom(name)) return nullptr;
  return &tuple->items[1];
}

std::optional<std::string> text_of(const Term& term) {
  if (const auto* binary = std::get_if<Binary>(&term.value)) return std::string{as_text(binary->bytes)};
  if (const auto* atom = std::get_if<Atom>(&term.value)) return atom->text;
  return std::nullopt;
}

/// Milliseconds from `least` to 2^32.
std::optional<Duration> ms_of(const Term& term, std::int64_t least) {
  const auto* number = std::get_if<std::int64_t>(&term.value);
  if (number == nullptr || *number < least || *number > std::int64_t{1} << 32) return std::nullopt;
  return std::chrono::milliseconds{*number};
}

}  // namespace

void Core::Impl::answer(const Connection& connection, const local::Request& request, Now now, Effects& out) {
  const auto term = decode_term(request.term);
  Term reply;
  if (term) {
    reply = reply_to(connection, *term, now, out);
  } else if (is_beyond_bounds(term.error())) {
    reply = error("unknown_request");
  } else {
    ++refused_frames;
    reply = error("bad_term");
  }
  const Bytes encoded = encode_term(reply);
  out.emplace_back(SendToSession{connection.id, local::encode(local::Answer{request.id, encoded})});
}

Term Core::Impl::reply_to(const Connection& connection, const Term& request, Now now, Effects& out) {
  auto& node = *sessions.find_as<NodeSession>(connection.id);
  if (request == Term::atom("node_info")) return ok(node_info(connection, now));
  if (request == Term::atom("active_view")) {
    Terms nodes;
    for (const auto& each : hyparview.view().active())
      for (Term& name : nodes_of(each.contact->key)) nodes.push_back(std::move(name));
    return ok(Term::list(std::move(nodes)));
  }
  if (request == Term::atom("passive_view")) {
    Terms nodes;
    for (const auto& each : hyparview.view().passive())
      for (Term& name : nodes_of(each.contact->key)) nodes.push_back(std::move(name));
    return ok(Term::list(std::move(nodes)));
  }
  if (request == Term::atom("members")) {
    Terms nodes = nodes_of(signing.own_key());
    for (const auto& [key, member] : suspicions.members())
      if (membership::Suspicions::is_living(member))
        for (Term& name : nodes_of(key)) nodes.push_back(std::move(name));
    return ok(Term::list(std::move(nodes)));
  }
  if (request == Term::atom("leave")) {
    leave_cluster(now, out);
    return ok();
  }
  if (const Term* whom = argument_of(request, "join")) {
    const auto text = text_of(*whom);
    auto name = text ? NodeName::parse(*text) : std::nullopt;
    if (!name) return error("bad_name");
    if (sessions.named(*name)) return error("cannot_join_self");
    join(std::move(*name), now, out);
    return ok();
  }
  if (const Term* names = argument_of(request, "let_go")) {
    const auto* list = std::get_if<List>(&names->value);
    if (list == nullptr) return error("unknown_request");
    std::set<std::string> nodes;
    for (const Term& each : list->items)
      if (auto text = text_of(each)) nodes.insert(std::move(*text));
    let_go(connection.id, nodes, now, out);
    return ok();
  }
  for (const bool wanted : {true, false}) {
    const Term* what = argument_of(request, wanted ? "subscribe" : "unsubscribe");
    if (what == nullptr) continue;
    if (wanted) {
      if (const auto* tuple = std::get_if<Tuple>(&what->value);
          tuple != nullptr && tuple->items.size() == 3 && tuple->items[0] == Term::atom("unused")) {
        const auto min_age = ms_of(tuple->items[1], 0), period = ms_of(tuple->items[2], limits::reaping_ms_min);
        if (!min_age || !period) return error("bad_value");
        reap(connection.id, {*min_age, *period}, now);
        return ok();
      }
    } else if (*what == Term::atom("unused")) {
      stop_reaping(connection.id);
      return ok();
    }
    for (const auto& [word, topic] : {std::pair{"neighbours", Topic::neighbours}, std::pair{"members", Topic::members},
                                      std::pair{"broadcasts", Topic::broadcasts}}) {
      if (*what != Term::atom(word)) continue;
      node.hears[static_cast<std::size_t>(topic)] = wanted;
      return ok();
    }
    if (const Term* tag = argument_of(*what, "broadcast"); tag != nullptr && std::get_if<Binary>(&tag->value) != nullptr) {
      std::string text{as_text(std::get_if<Binary>(&tag->value)->bytes)};
      if (text.size() > limits::broadcast_tag_bytes_max) return error("tag_too_long");
      if (!wanted) node.tags.erase(text);
      else if (node.tags.size() >= limits::tags_per_session_max && !node.tags.contains(text)) return error("too_many");
      else node.tags.insert(std::move(text));
      return ok();
    }
  }
  return error("unknown_request");
}

void Core::Impl::answer(const Connection& connection, const local::Broadcast& frame, Now now, Effects& out) {
  const auto reply = [&]() -> Term {
    if (frame.tag.size() > limits::broadcast_tag_bytes_max) return error("tag_too_long");
    if (frame.tag.size() + frame.payload.size() > limits::broadcast_bytes_max) return error("too_large");
    Writer body;
    body.u32(static_cast<std::uint32_t>(frame.tag.size())).raw(frame.tag).raw(frame.payload);
    const auto number = broadcast(BroadcastKind::message, body.take(), now);
    return number ? ok() : error("busy");
  }();
  const Bytes encoded = encode_term(reply);
  out.emplace_back(SendToSession{connection.id, local::encode(local::Answer{frame.id, encoded})});
}

Terms Core::Impl::nodes_of(const PublicKey& key) const {
  Terms names;
  if (const Contacts::Known* known = contacts.find(key))
    for (const NodeName& name : known->names) names.push_back(Term::binary(name.text()));
  return names;
}

Term Core::Impl::node_info(const Connection& connection, Now now) const {
  const auto& node = std::get<NodeSession>(connection.is);
  const auto text_of = [](const std::optional<NodeName>& name) { return Term::binary(name ? name->text() : ""); };
  Terms channels;
  for (const auto& [id, each] : sessions.all()) {
    const auto* leg = std::get_if<ChannelLeg>(&each.is);
    if (leg == nullptr || leg->owner != connection.id) continue;
    std::string by = "local";
    if (leg->link) {
      const auto link = links.all().find(*leg->link);
      by = link == links.all().end() ? "closing" : link->second.facts.peer_address.text();
    }
    channels.push_back(Term::map({{Term::atom("node"), text_of(leg->remote)}, {Term::atom("link"), Term::binary(by)}}));
  }
  const auto uptime = std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - started).count();
  return Term::map({{Term::atom("daemon"), Term::binary(config.version)},
                    {Term::atom("fingerprint"), Term::binary(config.fingerprint)},
                    {Term::atom("port"), Term::integer(config.udp_port)},
                    {Term::atom("name"), text_of(node.name)},
                    {Term::atom("creation"), Term::integer(node.creation)},
                    {Term::atom("channels"), Term::list(std::move(channels))},
                    {Term::atom("trust"), Term::atom(config.trust == Trust::tofu ? "tofu" : "strict")},
                    {Term::atom("uptime_ms"), Term::integer(uptime)}});
}

}  // namespace bp2p
