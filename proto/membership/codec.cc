#include "proto/membership/codec.h"

#include <algorithm>

#include "proto/base/check.h"
#include "proto/wire/limits.h"
#include "proto/wire/membership.pb.h"
#include "proto/wire/protobuf.h"

namespace bp2p::membership {
namespace {

using std::unexpected;

std::string record_of(const ContactPtr& contact) { return protobuf::string_of(*contact->record); }

void put(google::protobuf::RepeatedPtrField<std::string>& to, const Contacts& contacts) {
  for (const ContactPtr& each : contacts) *to.Add() = record_of(each);
}

struct ToWire {
  wire::MembershipMessage& out;

  void operator()(const Join&) const { out.mutable_join(); }
  void operator()(const ForwardJoin& walk) const {
    out.mutable_forward_join()->set_newcomer(record_of(walk.newcomer));
    out.mutable_forward_join()->set_ttl(walk.ttl);
  }
  void operator()(const Neighbor& request) const { out.mutable_neighbor()->set_high(request.priority == Priority::high); }
  void operator()(const NeighborReply& reply) const { out.mutable_neighbor_reply()->set_accepted(reply.accepted); }
  void operator()(const Disconnect& goodbye) const {
    out.mutable_disconnect()->set_leaving(goodbye.leaving);
    put(*out.mutable_disconnect()->mutable_candidates(), goodbye.candidates);
  }
  void operator()(const KeepAlive&) const { out.mutable_keep_alive(); }
  void operator()(const Shuffle& shuffle) const {
    auto& to = *out.mutable_shuffle();
    to.set_origin(record_of(shuffle.origin));
    to.set_ttl(shuffle.ttl);
    to.set_has_room(shuffle.has_room);
    put(*to.mutable_sample(), shuffle.sample);
  }
  void operator()(const ShuffleReply& reply) const { put(*out.mutable_shuffle_reply()->mutable_sample(), reply.sample); }
  void operator()(const SwapRequest& request) const { out.mutable_swap_request()->set_offered(record_of(request.offered)); }
  void operator()(const SwapReply& reply) const {
    auto& to = *out.mutable_swap_reply();
    if (reply.partner) to.set_partner(record_of(reply.partner));
  }
  void operator()(const Handover& handover) const { out.mutable_handover()->set_partner(record_of(handover.partner)); }
};

class FromWire {
 public:
  explicit FromWire(const ReadRecord& read) : read_(read) {}

  std::expected<Message, DecodeError> message(const wire::MembershipMessage& in) {
    using Wire = wire::MembershipMessage;
    switch (in.message_case()) {
      case Wire::kJoin: return Join{};
      case Wire::kForwardJoin: return done(ForwardJoin{contact(in.forward_join().newcomer()), ttl(in.forward_join().ttl())});
      case Wire::kNeighbor: return Neighbor{in.neighbor().high() ? Priority::high : Priority::low};
      case Wire::kNeighborReply: return NeighborReply{in.neighbor_reply().accepted()};
      case Wire::kDisconnect: return done(Disconnect{in.disconnect().leaving(), contacts(in.disconnect().candidates())});
      case Wire::kKeepAlive: return KeepAlive{};
      case Wire::kShuffle: {
        const auto& shuffle = in.shuffle();
        return done(Shuffle{contact(shuffle.origin()), ttl(shuffle.ttl()), shuffle.has_room(), contacts(shuffle.sample())});
      }
      case Wire::kShuffleReply: return done(ShuffleReply{contacts(in.shuffle_reply().sample())});
      case Wire::kSwapRequest: return done(SwapRequest{contact(in.swap_request().offered())});
      case Wire::kSwapReply:
        if (in.swap_reply().partner().empty()) return SwapReply{};
        return done(SwapReply{contact(in.swap_reply().partner())});
      case Wire::kHandover: return done(Handover{contact(in.handover().partner())});
      case Wire::MESSAGE_NOT_SET: break;
    }
    return unexpected{DecodeError::unknown_message};
  }

 private:
  static std::uint8_t ttl(std::uint32_t value) { return static_cast<std::uint8_t>(std::min(value, 255u)); }

  /// The worst of what was wrong counts: outdated ones may be passed over, others not.
  void note(DecodeError error) {
    if (!error_ || error_ == DecodeError::outdated_record) error_ = error;
  }
  ContactPtr contact(const std::string& record) {
    auto contact = read_(as_bytes(record));
    if (contact) return std::move(*contact);
    note(contact.error() == RecordFault::forged ? DecodeError::forged_record : DecodeError::outdated_record);
    return nullptr;
  }
  Contacts contacts(const google::protobuf::RepeatedPtrField<std::string>& records) {
    Contacts out;
    if (static_cast<std::size_t>(records.size()) > limits::contacts_per_message_max) {
      note(DecodeError::too_many_contacts);
      return out;
    }
    for (const std::string& record : records) {
      auto contact = read_(as_bytes(record));
      if (contact) out.push_back(std::move(*contact));
      else if (contact.error() == RecordFault::forged) note(DecodeError::forged_record);
    }
    return out;
  }
  std::expected<Message, DecodeError> done(Message message) const {
    if (error_) return unexpected{*error_};
    return message;
  }

  const ReadRecord& read_;
  std::optional<DecodeError> error_;
};

}  // namespace

std::string_view describe(DecodeError error) {
  switch (error) {
    case DecodeError::malformed: return "a membership message does not parse";
    case DecodeError::unknown_message: return "a membership message is of a kind this version does not know";
    case DecodeError::too_many_contacts: return "a membership message has more than 16 records in a list";
    case DecodeError::forged_record: return "a membership message has a peer record that is not its author's";
    case DecodeError::outdated_record: return "a membership message is about a peer record that has expired";
  }
  return "a membership message does not decode";
}

Bytes encode(const Message& message) {
  wire::MembershipMessage out;
  std::visit(ToWire{out}, message);
  return protobuf::serialized(out);
}

std::expected<Message, DecodeError> decode(ByteView message, const ReadRecord& read) {
  wire::MembershipMessage in;
  if (!protobuf::parse(in, message)) return unexpected{DecodeError::malformed};
  return FromWire{read}.message(in);
}

}  // namespace bp2p::membership
