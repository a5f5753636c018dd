// For the self-test: what the overlay says gets lost, by its meaning.
#pragma once
#include "proto/gossip/codec.h"
#include "proto/membership/codec.h"
#include "proto/trust/broadcast.h"
#include "proto/wire/peer_messages.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

inline bool is_lost_on_purpose(const World& world, const Host& to, const Bytes& message) {
  const bool goodbyes = world.is_broken(Breakage::goodbyes_lost), payloads = world.is_broken(Breakage::payloads_lost);
  if (!goodbyes && !payloads) return false;
  const auto read = peer::decode(message);
  if (!read) return false;
  if (const auto* of = std::get_if<peer::Membership>(&*read); of != nullptr && goodbyes) {
    const auto heard = membership::decode(of->message, [](ByteView) -> std::expected<membership::ContactPtr, membership::RecordFault> {
      return std::make_shared<const membership::Contact>();
    });
    return heard && (std::holds_alternative<membership::Disconnect>(*heard) || std::holds_alternative<membership::KeepAlive>(*heard));
  }
  if (to.number != 1 || !payloads) return false;
  if (const auto* of = std::get_if<peer::Gossip>(&*read)) {
    const auto heard = gossip::decode(of->message);
    const auto* payload = heard ? std::get_if<gossip::Gossip>(&*heard) : nullptr;
    return payload != nullptr && read_broadcast(*payload->payload).kind == static_cast<std::uint8_t>(BroadcastKind::message);
  }
  return false;
}

}  // namespace bp2p::sim
