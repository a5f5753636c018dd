// A hostile peer that was let in, for its key is as good as any: what it says as a member of the cluster.
#include <algorithm>

#include "proto/gossip/codec.h"
#include "proto/membership/codec.h"
#include "proto/membership/suspicion.h"
#include "proto/trust/broadcast.h"
#include "proto/wire/limits.h"
#include "tests/sim/hostile.h"
#include "tests/sim/world.h"

namespace bp2p::sim {
namespace {

using membership::ContactPtr;

Bytes wrap(const membership::Message& message) { return peer::encode(peer::Membership{membership::encode(message)}); }
Bytes wrap(const gossip::Message& message) { return peer::encode(peer::Gossip{gossip::encode(message)}); }

std::expected<ContactPtr, membership::RecordFault> believe(ByteView record) {
  return std::make_shared<const membership::Contact>(membership::Contact{.key = {}, .record = std::make_shared<const Bytes>(record.begin(), record.end())});
}

}  // namespace

bool Hostile::is_of_a_member(std::string_view kind) {
  constexpr std::string_view kinds[] = {"liar", "garbage", "accuser", "storm", "eclipse"};
  return std::ranges::contains(kinds, kind);
}

void Hostile::say_as_member(LinkId link, Bytes message) { world_.network.send(link, LinkStream::overlay, std::move(message)); }
void Hostile::offend_as_member(LinkId link, Bytes message) {
  Network::End* victim = nullptr;
  if (world_.network.connection_of(link, nullptr, &victim) == nullptr) return;
  world_.checks.on_offence(static_cast<const Host&>(*victim->party), victim->link, message);
  say_as_member(link, std::move(message));
}

/// It does as a neighbour would, for as long as it is one.
void Hostile::on_member_message(LinkId link, Talk& talk, const peer::Membership& message) {
  const auto heard = membership::decode(message.message, believe);
  if (!heard) return;
  if (const auto* reply = std::get_if<membership::NeighborReply>(&*heard)) {
    talk.is_neighbour |= reply->accepted;
  } else if (std::holds_alternative<membership::Neighbor>(*heard) || std::holds_alternative<membership::Join>(*heard)) {
    talk.is_neighbour = true;
    say_as_member(link, wrap(membership::NeighborReply{true}));
  } else if (std::holds_alternative<membership::Disconnect>(*heard) || std::holds_alternative<membership::Handover>(*heard)) {
    talk.is_neighbour = false;
  }
}

void Hostile::act_as_member(LinkId link) {
  const auto found = talks_.find(link);
  if (found == talks_.end()) return;
  Talk& talk = found->second;
  const bool is_first = talk.turns++ == 0;
  if (is_first) say_as_member(link, wrap(membership::Join{}));
  if (!talk.is_neighbour) say_as_member(link, wrap(membership::Neighbor{membership::Priority::high}));
  else if (talk.turns % 4 == 0) say_as_member(link, wrap(membership::KeepAlive{}));
  if (!is_first) {
    if (talk.kind == "liar") lie(link);
    else if (talk.kind == "garbage") say_garbage(link);
    else if (talk.kind == "accuser") accuse(link, talk);
    else if (talk.kind == "storm") storm(link);
  }
  world_.queue.after(1s + world_.draw(1s), [this, link] { act_as_member(link); });
}

ContactPtr Hostile::contact(Bytes of_record) const {
  return std::make_shared<const membership::Contact>(membership::Contact{.key = {}, .record = std::make_shared<const Bytes>(std::move(of_record))});
}

/// Somebody's key, and what we say of it.
Bytes Hostile::forged_record() const {
  Bytes forged = record({any_name()}, world_.rng.next());
  const PublicKey key = world_.hosts[world_.rng.below(world_.hosts.size())]->key();
  std::ranges::copy(key.bytes, forged.begin());
  return forged;
}

void Hostile::lie(LinkId link) {
  const Host& about = *world_.hosts[world_.rng.below(world_.hosts.size())];
  const ContactPtr forged = contact(forged_record());
  switch (world_.rng.below(10)) {
    case 0: return offend_as_member(link, wrap(membership::ForwardJoin{forged, 6}));
    case 1: return offend_as_member(link, wrap(membership::Disconnect{false, {contact(record({own_name()})), forged}}));
    case 2: return offend_as_member(link, wrap(membership::Handover{forged}));
    case 3: return offend_as_member(link, wrap(membership::SwapRequest{forged}));
    case 4: return offend_as_member(link, wrap(membership::Shuffle{forged, 6, true, {}}));
    case 5: return say_as_member(link, peer::encode(peer::Records{{*forged->record}}));
    case 6: {
      // Signed by us, in its name.
      const Bytes body = encode_life(about);
      Bytes payload = sign_broadcast({"sim", about.disk.last_epoch, 1'000'000}, BroadcastKind::leaving, body, signing_);
      return say_as_member(link, wrap(gossip::Gossip{{about.key(), about.disk.last_epoch}, 1'000'000, 1'000'000, std::make_shared<const Bytes>(std::move(payload))}));
    }
    case 7:
      say_as_member(link, wrap(membership::SwapReply{}));
      say_as_member(link, wrap(membership::ShuffleReply{{contact(record({own_name()}))}}));
      return say_as_member(link, wrap(membership::Disconnect{true, {}}));
    case 8: return say_as_member(link, peer::encode(peer::HeldDown{about.disk.last_epoch, ~std::uint64_t{0}}));
    default:
      // Its own, good for nothing: walks that never end, and a shuffle with a room that is none.
      for (int i = 0; i < 50; ++i) say_as_member(link, wrap(membership::ForwardJoin{contact(record({own_name()})), 255}));
      return say_as_member(link, wrap(membership::Shuffle{contact(record({own_name()})), 255, true, {}}));
  }
}

Bytes Hostile::encode_life(const Host& of) const {
  Writer out;
  out.u64(of.disk.last_epoch).u64(of.core() != nullptr ? of.core()->lives().own_life().incarnation : 0);
  return out.take();
}

void Hostile::say_garbage(LinkId link) {
  const gossip::OriginId origin{key(), 5};
  switch (world_.rng.below(6)) {
    case 0: {
      membership::ShuffleReply reply;
      for (std::size_t i = 0; i <= limits::contacts_per_message_max; ++i) reply.sample.push_back(contact(record({own_name()})));
      return offend_as_member(link, wrap(reply));
    }
    case 1: return offend_as_member(link, wrap(gossip::IHave{std::vector(gossip::holdings_per_message_max + 1, gossip::Holding{origin, 1, 1})}));
    case 2: return offend_as_member(link, wrap(gossip::Graft{origin, std::vector(gossip::ranges_per_graft_max + 1, gossip::Range{1, 1})}));
    case 3:  // larger than a payload may be, and well signed
      return say_as_member(link, wrap(gossip::Gossip{origin, 1, 1, std::make_shared<const Bytes>(
          sign_broadcast({"sim", 5, 1}, BroadcastKind::message, Bytes(gossip::Config{}.payload_bytes_max), signing_))}));
    case 4: {
      Bytes bytes = gossip::encode(gossip::IHave{{{origin, 1, 1}}});
      bytes.resize(1 + world_.rng.below(bytes.size() - 1));
      const bool must_end = !gossip::decode(bytes) && gossip::decode(bytes).error() != gossip::DecodeError::unknown_message;
      const Bytes message = peer::encode(peer::Gossip{bytes});
      return must_end ? offend_as_member(link, message) : say_as_member(link, message);
    }
    default: {
      Bytes bytes = membership::encode(membership::ForwardJoin{contact(record({own_name()})), 6});
      bytes.resize(1 + world_.rng.below(bytes.size() - 1));
      const auto read = membership::decode(bytes, believe);
      const bool must_end = !read && (read.error() == membership::DecodeError::malformed || read.error() == membership::DecodeError::too_many_contacts);
      const Bytes message = peer::encode(peer::Membership{bytes});
      return must_end ? offend_as_member(link, message) : say_as_member(link, message);
    }
  }
}

/// Of everybody, again and again: "I cannot reach it."
void Hostile::accuse(LinkId link, Talk& talk) {
  for (const auto& host : world_.hosts) {
    Writer body;
    body.raw(host->key().bytes).raw(encode_life(*host));
    const std::uint64_t nth = ++talk.broadcasts;
    Bytes payload = sign_broadcast({"sim", 5, nth}, BroadcastKind::suspicion, body.take(), signing_);
    say_as_member(link, wrap(gossip::Gossip{{key(), 5}, nth, nth, std::make_shared<const Bytes>(std::move(payload))}));
  }
}

void Hostile::storm(LinkId link) {
  const Host& about = *world_.hosts[world_.rng.below(world_.hosts.size())];
  switch (world_.rng.below(3)) {
    case 0:
      for (int i = 0; i < 40; ++i) {  // of what does not exist
        gossip::IHave all;
        for (std::size_t each = 0; each < gossip::holdings_per_message_max; ++each) all.holdings.push_back({{key_of(world_.rng.next()), 1}, 1, 7});
        say_as_member(link, wrap(all));
      }
      return;
    case 1:
      for (int i = 0; i < 600; ++i) say_as_member(link, wrap(gossip::Graft{{about.key(), about.disk.last_epoch}, {{1, 1'000'000}}}));
      return;
    default:
      for (int i = 0; i < 5'000; ++i) say_as_member(link, wrap(gossip::Prune{{about.key(), about.disk.last_epoch}}));
  }
}

}  // namespace bp2p::sim
