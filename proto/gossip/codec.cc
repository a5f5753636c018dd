#include "proto/gossip/codec.h"

#include <algorithm>
#include <optional>

#include "proto/base/check.h"
#include "proto/wire/gossip.pb.h"
#include "proto/wire/protobuf.h"

namespace bp2p::gossip {
namespace {

using std::unexpected;

std::string key_of(const PublicKey& key) { return protobuf::string_of(key.bytes); }

void put(wire::Origin& to, const OriginId& origin) {
  to.set_key(key_of(origin.key));
  to.set_epoch(origin.epoch);
}
void put(wire::Holding& to, const Holding& holding) {
  to.set_key(key_of(holding.origin.key));
  to.set_epoch(holding.origin.epoch);
  to.set_first(holding.first);
  to.set_last(holding.last);
}

struct ToWire {
  wire::GossipMessage& out;

  void operator()(const Gossip& gossip) const {
    auto& to = *out.mutable_gossip();
    put(*to.mutable_origin(), gossip.origin);
    to.set_number(gossip.number);
    to.set_contiguous(gossip.contiguous);
    to.set_payload(protobuf::string_of(*gossip.payload));
  }
  void operator()(const IHave& ihave) const {
    out.mutable_ihave();
    for (const Holding& each : ihave.holdings) put(*out.mutable_ihave()->add_holdings(), each);
  }
  void operator()(const Summary& summary) const {
    out.mutable_summary()->set_complete(summary.complete);
    for (const Holding& each : summary.holdings) put(*out.mutable_summary()->add_holdings(), each);
  }
  void operator()(const Graft& graft) const {
    put(*out.mutable_graft()->mutable_origin(), graft.origin);
    for (const Range& each : graft.ranges) {
      auto& to = *out.mutable_graft()->add_ranges();
      to.set_from(each.from);
      to.set_to(each.to);
    }
  }
  void operator()(const Grafted& grafted) const { put(*out.mutable_grafted()->mutable_holding(), grafted.holding); }
  void operator()(const Prune& prune) const { put(*out.mutable_prune()->mutable_origin(), prune.origin); }
};

class FromWire {
 public:
  std::expected<Message, DecodeError> message(const wire::GossipMessage& in) {
    using Wire = wire::GossipMessage;
    switch (in.message_case()) {
      case Wire::kGossip: {
        const auto& gossip = in.gossip();
        return done(Gossip{origin(gossip.origin()), gossip.number(), gossip.contiguous(),
                           std::make_shared<const Bytes>(protobuf::bytes_of(gossip.payload()))});
      }
      case Wire::kIhave: return done(IHave{holdings(in.ihave().holdings())});
      case Wire::kSummary: return done(Summary{holdings(in.summary().holdings()), in.summary().complete()});
      case Wire::kGraft: return done(Graft{origin(in.graft().origin()), ranges(in.graft().ranges())});
      case Wire::kGrafted: return done(Grafted{holding(in.grafted().holding())});
      case Wire::kPrune: return done(Prune{origin(in.prune().origin())});
      case Wire::MESSAGE_NOT_SET: break;
    }
    return unexpected{DecodeError::unknown_message};
  }

 private:
  PublicKey key(const std::string& bytes) {
    PublicKey key;
    if (bytes.size() == PublicKey::size) std::ranges::copy(as_bytes(bytes), key.bytes.begin());
    else error_ = DecodeError::bad_key;
    return key;
  }
  OriginId origin(const wire::Origin& in) { return {key(in.key()), in.epoch()}; }
  Holding holding(const wire::Holding& in) { return {{key(in.key()), in.epoch()}, in.first(), in.last()}; }
  std::vector<Holding> holdings(const google::protobuf::RepeatedPtrField<wire::Holding>& in) {
    std::vector<Holding> out;
    if (!fits(in.size(), holdings_per_message_max)) return out;
    for (const wire::Holding& each : in) out.push_back(holding(each));
    return out;
  }
  std::vector<Range> ranges(const google::protobuf::RepeatedPtrField<wire::Range>& in) {
    std::vector<Range> out;
    if (!fits(in.size(), ranges_per_graft_max)) return out;
    for (const wire::Range& each : in) out.push_back({each.from(), each.to()});
    return out;
  }
  bool fits(int size, std::size_t most) {
    if (static_cast<std::size_t>(size) > most) error_ = DecodeError::too_many;
    return !error_;
  }
  std::expected<Message, DecodeError> done(Message message) const {
    if (error_) return unexpected{*error_};
    return message;
  }

  std::optional<DecodeError> error_;
};

}  // namespace

std::string_view describe(DecodeError error) {
  switch (error) {
    case DecodeError::malformed: return "a gossip message does not parse";
    case DecodeError::unknown_message: return "a gossip message is of a kind this version does not know";
    case DecodeError::bad_key: return "a gossip message names an origin whose key does not have 32 bytes";
    case DecodeError::too_many: return "a gossip message has a list beyond its bound";
  }
  return "a gossip message does not decode";
}

Bytes encode(const Message& message) {
  wire::GossipMessage out;
  std::visit(ToWire{out}, message);
  return protobuf::serialized(out);
}

std::expected<Message, DecodeError> decode(ByteView message) {
  wire::GossipMessage in;
  if (!protobuf::parse(in, message)) return unexpected{DecodeError::malformed};
  return FromWire{}.message(in);
}

}  // namespace bp2p::gossip
