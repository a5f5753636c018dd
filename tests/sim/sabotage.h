// For the self-test: what the overlay says gets lost, by its meaning.
#pragma once
#include "proto/gossip/codec.h"
#include "proto/membership/codec.h"
#include "proto/trust/broadcast.h"
#include "proto/wire/peer_messages.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

inline bool is_lost_on_purpose(const World& world, const Host& to, const Bytes& message) {
  const bool goodbyes = world.is_broken(Breakage::goodbyes_lost), payloads = world.is_broken(Breakage::payloads_lost),
             life = world.is_broken(Breakage::life_lost);
  if (!goodbyes && !payloads && !life) return false;
  const auto read = peer::decode(message);
  if (!read) return false;
  if (const auto* of = std::get_if<peer::Membership>(&*read); of != nullptr && goodbyes) {
    const auto heard = membership::decode(of->message, [](ByteView) -> std::expected<membership::ContactPtr, membership::RecordFault> {
      return std::make_shared<const membership::Contact>();
    });
    return heard && (std::holds_alternative<membership::Disconnect>(*heard) || std::holds_alternative<membership::KeepAlive>(*heard));
  }
  if (!life && to.number != 1) return false;
  if (const auto* of = std::get_if<peer::Gossip>(&*read); of != nullptr && (payloads || life)) {
    const auto heard = gossip::decode(of->message);
    const auto* payload = heard ? std::get_if<gossip::Gossip>(&*heard) : nullptr;
    if (payload == nullptr) return false;
    const bool is_message = read_broadcast(*payload->payload).kind == static_cast<std::uint8_t>(BroadcastKind::message);
    return payloads ? is_message : !is_message;
  }
  return life && std::holds_alternative<peer::Records>(*read);
}

}  // namespace bp2p::sim
