// Gossip's effects, and what is broadcast: our record, applications' messages.
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"
#include "proto/gossip/codec.h"

namespace bp2p {

// --- what gossip asks for ---------------------------------------------------------------------------------------

void Core::Impl::carry_out(const gossip::Send& effect, Now now, Effects& out) {
  const auto carrier = gossip_links.find(effect.to);
  Link* link = carrier == gossip_links.end() ? nullptr : links.find(carrier->second);
  if (link != nullptr) say_on_overlay(*link, peer::encode(peer::Gossip{gossip::encode(effect.message)}), now, out);
}

void Core::Impl::carry_out(const gossip::Deliver& effect, Now now, Effects& out) {
  const Broadcast heard = read_broadcast(*effect.payload);
  suspicions.on_heard(effect.origin.key, now.steady);
  switch (static_cast<BroadcastKind>(heard.kind)) {
    case BroadcastKind::message: return hear_message(effect.origin, effect.payload, now, out);
    case BroadcastKind::record: {
      const auto contact = contacts.read(heard.body, now.wall);
      if (!contact || (*contact)->key != effect.origin.key) return;
      hyparview.on_contact(*contact);
      heard_of(**contact, now);
      tell_names(Topic::neighbours, effect.origin.key, out);
      tell_names(Topic::members, effect.origin.key, out);
      return;
    }
    case BroadcastKind::suspicion:
    case BroadcastKind::alive:
    case BroadcastKind::leaving:
      return on_life_broadcast(effect.origin.key, static_cast<BroadcastKind>(heard.kind), heard.body, now);
  }
}

/// A refutation that waits half a minute for what nobody keeps any more comes too late.
void Core::Impl::carry_out(const gossip::Ahead& effect, Now now, Effects&) {
  const Broadcast heard = read_broadcast(*effect.payload);
  const auto kind = static_cast<BroadcastKind>(heard.kind);
  if (kind == BroadcastKind::suspicion || kind == BroadcastKind::alive || kind == BroadcastKind::leaving)
    on_life_broadcast(effect.origin.key, kind, heard.body, now);
}

void Core::Impl::carry_out(const gossip::Gap& effect, Now, Effects& out) {
  say(out, Severity::warning, "gossip.gap",
      "broadcasts " + std::to_string(effect.from) + " to " + std::to_string(effect.to) + " of the daemon " +
          signing.show(effect.origin.key) + " were missed: no neighbour has them any more");
}

void Core::Impl::carry_out(const gossip::MayBroadcast&, Now, Effects&) { window_is_full = false; }  // pump() tries again

void Core::Impl::carry_out(const gossip::Misbehaved& effect, Now now, Effects& out) {
  using gossip::Misdeed;
  const std::string text{gossip::describe(effect.what)};
  switch (effect.what) {
    case Misdeed::malformed:
    case Misdeed::oversized:
    case Misdeed::bad_payload:
    case Misdeed::graft_storm:
    case Misdeed::announcement_storm:
    case Misdeed::prune_storm:
      if (Link* link = links.best_of(effect.key)) close_link(link->id, LinkCode::misbehaved, text, now, out);
      return;
    default:  // an honest daemon may come to it: stopped for a while, on a thin line, or when two links become one
      say(out, Severity::debug, "gossip.odd", shown_member(effect.key) + ": " + text);
  }
}

void Core::Impl::on_gossip(Link& link, const peer::Gossip& message, Now now, Effects& out) {
  const auto decoded = gossip::decode(message.message);
  if (!decoded) {
    if (decoded.error() == gossip::DecodeError::unknown_message) return;
    return close_link(link.id, LinkCode::bad_message, std::string{gossip::describe(decoded.error())}, now, out);
  }
  plumtree.on_message(link.facts.peer_key, *decoded, now.steady, gossip_effects);
}

// --- what we say ------------------------------------------------------------------------------------------------

std::expected<std::uint64_t, gossip::NotNow> Core::Impl::broadcast(BroadcastKind kind, ByteView body, Now now) {
  const BroadcastId id{config.cluster, config.boot_epoch, plumtree.next_number()};
  auto number = plumtree.broadcast(std::make_shared<const Bytes>(sign_broadcast(id, kind, body, signing)), now.steady, gossip_effects);
  if (!number && number.error() == gossip::NotNow::window_full) window_is_full = true;
  return number;
}

void Core::Impl::announce_ourselves(Now now) {
  hyparview.on_contact(own_contact(now));
  record_is_due = hyparview.is_alone() || !broadcast(BroadcastKind::record, own.at(now.wall), now);
}

}  // namespace bp2p
