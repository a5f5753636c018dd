// Whose broadcasts subscribers may hear. Everybody who handed one on has verified that it is its origin's, which says nothing
// of who that is: any key can sign. So the origin must be known by its record of that very start, and in trust mode strict
// be pinned as a link's key has to be. Its record may be on its way yet, so what it says is kept for a while.
#include <algorithm>

#include "proto/core/impl.h"

namespace bp2p {

Core::Impl::Hearing Core::Impl::may_be_heard(const gossip::OriginId& origin, Now now, Effects& out) {
  if (origin.key == signing.own_key()) return Hearing::yes;
  const Contacts::Known* known = contacts.find(origin.key);
  if (known == nullptr || known->contact->epoch < origin.epoch) return Hearing::not_yet;
  if (known->contact->epoch > origin.epoch) return Hearing::no;  // said before it was started anew
  if (config.trust == Trust::tofu) return Hearing::yes;
  const auto read = origin_trust.find(origin.key);
  if (read != origin_trust.end() && now.steady - read->second.read < limits::origin_trusted_for)
    return read->second.is_trusted ? Hearing::yes : Hearing::no;
  if (!std::ranges::contains(origins_asked, origin.key, [](const auto& each) { return each.first; })) {
    origins_asked.emplace_back(origin.key, known->names);
    out.emplace_back(ReadPins{LinkId{}, origin.key, known->names});
  }
  return Hearing::not_yet;
}

void Core::Impl::on_origin_pins_read(const PinReads& reads, Now now, Effects& out) {
  if (origins_asked.empty()) return;
  const auto [key, names] = std::move(origins_asked.front());
  origins_asked.pop_front();
  const bool is_trusted = names.empty() ? !reads.of_key.empty() : decide_pins(Trust::strict, key, names, reads, {}).has_value();
  if (origin_trust.size() >= Contacts::known_max) origin_trust.clear();
  origin_trust.insert_or_assign(key, OriginTrust{is_trusted, now.steady});
  hear_kept(key, now, out);
}

void Core::Impl::hear_message(const gossip::OriginId& origin, gossip::Payload payload, Now now, Effects& out) {
  hear_kept(origin.key, now, out);  // in its order
  switch (may_be_heard(origin, now, out)) {
    case Hearing::yes: return deliver_message(read_broadcast(*payload).body, out);
    case Hearing::no: return void(++broadcasts_unheard);
    case Hearing::not_yet: break;
  }
  const auto is_full = [&] {
    return kept_messages.size() >= limits::broadcasts_held_max || kept_bytes + payload->size() > limits::broadcasts_held_bytes_max;
  };
  if (is_full()) hear_kept(std::nullopt, now, out);  // what is too old goes
  if (is_full()) return void(++broadcasts_unheard);
  kept_bytes += payload->size();
  kept_messages.push_back({origin, std::move(payload), now.steady});
}

void Core::Impl::hear_kept(const std::optional<PublicKey>& of, Now now, Effects& out) {
  std::deque<KeptMessage> still;
  for (KeptMessage& each : std::exchange(kept_messages, {})) {
    const bool is_old = now.steady - each.came >= limits::broadcasts_held_for;
    const Hearing may = is_old ? Hearing::no : of && *of != each.origin.key ? Hearing::not_yet : may_be_heard(each.origin, now, out);
    if (may == Hearing::not_yet) {
      still.push_back(std::move(each));
      continue;
    }
    kept_bytes -= each.payload->size();
    if (may == Hearing::yes) deliver_message(read_broadcast(*each.payload).body, out);
    else ++broadcasts_unheard;
  }
  kept_messages = std::move(still);
}

void Core::Impl::deliver_message(ByteView body, Effects& out) {
  Reader in{body};
  const ByteView tag = in.take(in.u32());
  if (in.failed()) return;
  const std::string text{as_text(tag)};
  Bytes frame;
  for (const auto& [token, id] : sessions.with_tokens()) {
    const NodeSession& node = *sessions.find_as<NodeSession>(id);
    if (!node.hears[static_cast<std::size_t>(Topic::broadcasts)] && !node.tags.contains(text)) continue;
    if (frame.empty()) frame = local::encode(local::Deliver{tag, in.rest()});
    out.emplace_back(SendToSession{id, frame});
  }
}

}  // namespace bp2p
