// Suspicion's effects: who of the cluster lives, and what subscribers hear of it.
#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {

Bytes life_bytes(membership::Life life) {
  Writer out;
  out.u64(life.epoch).u64(life.incarnation);
  return out.take();
}

namespace {

membership::Life read_life(Reader& in) {
  const std::uint64_t epoch = in.u64();
  return {epoch, in.u64()};
}

}  // namespace

// --- what suspicion asks for ----------------------------------------------------------------------------------

void Core::Impl::carry_out(const membership::Probe& effect, Now now, Effects& out) {
  if (links.best_of(effect.key) != nullptr) {
    // Neighbours' keep-alives may miss it before the link's idle time-out does: when that comes, it is probed again.
    believed.insert(effect.key);
    return suspicions.on_probe_ok(effect.key, now.steady, life_effects);
  }
  const Contacts::Known* known = contacts.find(effect.key);
  // Not to have been tried is no failure.
  if (known == nullptr || !reach_for(known->contact, now, out)) suspicions.on_probe_ok(effect.key, now.steady, life_effects);
}

void Core::Impl::carry_out(const membership::Broadcast& effect, Now now, Effects&) {
  if (const auto* suspicion = std::get_if<membership::Suspicion>(&effect.message)) {
    Writer body;
    body.raw(suspicion->suspect.bytes).raw(life_bytes(suspicion->life));
    unsaid[BroadcastKind::suspicion][suspicion->suspect] = body.take();
  } else {
    unsaid[BroadcastKind::alive][signing.own_key()] = life_bytes(std::get<membership::Alive>(effect.message).life);
  }
  say_life(now);
}

void Core::Impl::carry_out(const membership::Tell& effect, Now now, Effects& out) {
  const auto [epoch, incarnation] = effect.message.life;
  if (Link* link = links.best_of(effect.key)) say_on_overlay(*link, peer::encode(peer::HeldDown{epoch, incarnation}), now, out);
}

void Core::Impl::carry_out(const membership::MemberUp& effect, Now, Effects& out) {
  say(out, Severity::debug, "member.up", shown_member(effect.key) + " is a member of the cluster");
  unsaid[BroadcastKind::suspicion].erase(effect.key);
  tell_names(Topic::members, effect.key, out);
}

void Core::Impl::carry_out(const membership::MemberDown& effect, Now, Effects& out) {
  const bool left = effect.how == membership::Gone::left;
  say(out, Severity::info, left ? "member.left" : "member.down",
      shown_member(effect.key) + (left ? " has left the cluster" : " is down: it did not refute that it cannot be reached"));
  tell_gone(Topic::members, effect.key, left ? "graceful" : "nodedown", out);
  plumtree.on_origin_gone(effect.key);
}

void Core::Impl::carry_out(const membership::Suspected& effect, Now, Effects& out) {
  say(out, Severity::info, "member.suspected",
      (effect.key == signing.own_key() ? "this daemon" : shown_member(effect.key)) + " cannot be reached by " +
          (effect.witness == signing.own_key() ? "this one" : shown_member(effect.witness)));
}

void Core::Impl::carry_out(const membership::Cleared& effect, Now, Effects& out) {
  unsaid[BroadcastKind::suspicion].erase(effect.key);
  say(out, Severity::info, "member.cleared", shown_member(effect.key) + " lives");
}

// --- what suspicion hears -------------------------------------------------------------------------------------

void Core::Impl::heard_of(const membership::Contact& contact, Now now) {
  if (contact.key == signing.own_key()) return;
  if (suspicions.members().empty()) suspicions.wake(now.steady);
  suspicions.on_member(contact, now.steady, life_effects);
}

void Core::Impl::on_life_broadcast(const PublicKey& origin, BroadcastKind kind, ByteView body, Now now) {
  Reader in{body};
  PublicKey suspect;
  if (kind == BroadcastKind::suspicion) in.fill(suspect.bytes);
  const membership::Life life = read_life(in);
  if (in.failed()) return;
  switch (kind) {
    case BroadcastKind::suspicion: return suspicions.on_suspicion(origin, {suspect, life}, now.steady, life_effects);
    case BroadcastKind::alive: return suspicions.on_alive(origin, {life}, now.steady, life_effects);
    case BroadcastKind::leaving: return suspicions.on_leaving(origin, {life}, now.steady, life_effects);
    default: return;
  }
}

void Core::Impl::say_life(Now now) {
  if (hyparview.is_alone() || window_is_full) return;
  for (auto& [kind, by_subject] : unsaid)
    std::erase_if(by_subject, [&, of = kind](const auto& each) { return broadcast(of, each.second, now).has_value(); });
}

// --- what subscribers hear --------------------------------------------------------------------------------------

std::string Core::Impl::shown_member(const PublicKey& key) const {
  const Contacts::Known* known = contacts.find(key);
  const std::string shown = "the daemon " + signing.show(key);
  return known && !known->names.empty() ? shown + " (" + known->names.front().text() + ")" : shown;
}

void Core::Impl::tell(Topic topic, const Term& event, Effects& out) {
  Bytes frame;
  for (const auto& [token, id] : sessions.with_tokens()) {
    if (!sessions.find_as<NodeSession>(id)->hears[static_cast<std::size_t>(topic)]) continue;
    if (frame.empty()) {
      const Bytes term = encode_term(event);
      frame = local::encode(local::Event{term});
    }
    out.emplace_back(SendToSession{id, frame});
  }
}

void Core::Impl::tell_names(Topic topic, const PublicKey& key, Effects& out) {
  const bool is_there = topic == Topic::neighbours ? hyparview.view().is_active(key)
                                                   : key == signing.own_key() || suspicions.is_living(key);
  const Contacts::Known* known = contacts.find(key);
  if (!is_there || known == nullptr) return;
  const std::string prefix = topic == Topic::neighbours ? "peer" : "member";
  std::set<NodeName>& told = told_up[static_cast<std::size_t>(topic)][key];
  const std::set<NodeName> names{known->names.begin(), known->names.end()};
  for (const NodeName& name : told)
    if (!names.contains(name))
      tell(topic, Term::tuple({Term::atom(prefix + "_down"), Term::binary(name.text()), Term::atom("graceful")}), out);
  for (const NodeName& name : names)
    if (!told.contains(name)) tell(topic, Term::tuple({Term::atom(prefix + "_up"), Term::binary(name.text())}), out);
  told = names;
}

void Core::Impl::tell_gone(Topic topic, const PublicKey& key, std::string_view reason, Effects& out) {
  auto& of_topic = told_up[static_cast<std::size_t>(topic)];
  const auto found = of_topic.find(key);
  if (found == of_topic.end()) return;
  const std::string_view event = topic == Topic::neighbours ? "peer_down" : "member_down";
  for (const NodeName& name : found->second)
    tell(topic, Term::tuple({Term::atom(event), Term::binary(name.text()), Term::atom(reason)}), out);
  of_topic.erase(found);
}

}  // namespace bp2p
