#include "proto/wire/peer_messages.h"

#include <algorithm>

#include "proto/wire/limits.h"
#include "proto/wire/peer.pb.h"
#include "proto/wire/protobuf.h"

namespace bp2p::peer {
namespace {

using protobuf::bytes_of, protobuf::parse, protobuf::serialized, protobuf::string_of;
using std::unexpected;

std::expected<Bytes, MessageError> record_of(const std::string& field) {
  if (field.size() > limits::record_bytes_max) return unexpected{MessageError::record_too_large};
  return bytes_of(field);
}

std::expected<Message, MessageError> read(const wire::Hello& in) {
  if (in.cluster().size() > limits::cluster_bytes_max) return unexpected{MessageError::bad_cluster};
  if (in.binding().size() != Signature::size) return unexpected{MessageError::bad_signature_size};
  auto record = record_of(in.record());
  if (!record) return unexpected{record.error()};
  Hello hello{.version = in.version(), .cluster = in.cluster(), .record = std::move(*record), .binding = {}};
  std::ranges::copy(as_bytes(in.binding()), hello.binding.bytes.begin());
  return hello;
}

std::expected<Message, MessageError> read(const wire::ChannelOpen& in) {
  std::optional<NodeName> from;
  if (!in.from().empty()) {
    from = NodeName::parse(in.from());
    if (!from) return unexpected{MessageError::bad_name};
  }
  auto to = NodeName::parse(in.to());
  if (!to) return unexpected{MessageError::bad_name};
  auto record = record_of(in.record());
  if (!record) return unexpected{record.error()};
  return ChannelOpen{in.channel(), std::move(from), std::move(*to), std::move(*record)};
}

template <class List>
std::expected<Message, MessageError> read_records(const auto& in) {
  List list;
  for (const std::string& each : in.records()) {
    auto record = record_of(each);
    if (!record) return unexpected{record.error()};
    list.records.push_back(std::move(*record));
  }
  return list;
}

struct ToWire {
  wire::PeerMessage& out;

  void operator()(const Hello& hello) const {
    auto& to = *out.mutable_hello();
    to.set_version(hello.version);
    to.set_cluster(hello.cluster);
    to.set_record(string_of(hello.record));
    to.set_binding(string_of(hello.binding.bytes));
  }
  void operator()(const RecordUpdate& update) const { out.mutable_record_update()->set_record(string_of(update.record)); }
  void operator()(const ChannelOpen& open) const {
    auto& to = *out.mutable_channel_open();
    to.set_channel(open.channel);
    if (open.from) to.set_from(open.from->text());
    to.set_to(open.to.text());
    to.set_record(string_of(open.record));
  }
  void operator()(const ChannelOpened& opened) const {
    auto& to = *out.mutable_channel_opened();
    to.set_channel(opened.channel);
    to.set_record(string_of(opened.record));
  }
  void operator()(const ChannelRefused& refused) const {
    auto& to = *out.mutable_channel_refused();
    to.set_channel(refused.channel);
    to.set_code(static_cast<std::uint32_t>(refused.code));
    to.set_text(refused.text.substr(0, limits::refused_text_bytes_max));
  }
  void operator()(const ChannelCancel& cancel) const { out.mutable_channel_cancel()->set_channel(cancel.channel); }
  void operator()(const ChannelUnused& unused) const { out.mutable_channel_unused()->set_channel(unused.channel); }
  void operator()(const Membership& membership) const { out.set_membership(string_of(membership.message)); }
  void operator()(const Gossip& gossip) const { out.set_gossip(string_of(gossip.message)); }
  void operator()(const RecordsWanted&) const { out.mutable_records_wanted(); }
  void operator()(const HeldDown& held) const {
    out.mutable_held_down()->set_epoch(held.epoch);
    out.mutable_held_down()->set_incarnation(held.incarnation);
  }
  void operator()(const Records& records) const {
    out.mutable_records();
    for (const Bytes& each : records.records) out.mutable_records()->add_records(string_of(each));
  }
  void operator()(const ViewAsked&) const { out.mutable_view_asked(); }
  void operator()(const View& view) const {
    out.mutable_view();
    for (const Bytes& each : view.records) out.mutable_view()->add_records(string_of(each));
  }
};

}  // namespace

std::string_view describe(MessageError error) {
  switch (error) {
    case MessageError::too_large: return "the message is larger than 1 MiB";
    case MessageError::malformed: return "the message does not parse";
    case MessageError::unknown_message: return "the message is of a kind this version does not know";
    case MessageError::bad_name: return "a node name in it is none";
    case MessageError::bad_signature_size: return "the signature does not have 64 bytes";
    case MessageError::record_too_large: return "the peer record is too large";
    case MessageError::too_many_names: return "the peer record has more than 64 names";
    case MessageError::too_many_addresses: return "the peer record has more than 16 addresses";
    case MessageError::too_many_capabilities: return "the peer record has more than 32 capabilities";
    case MessageError::bad_address: return "an address in the peer record is none";
    case MessageError::bad_capability: return "a capability in the peer record is empty or too long";
    case MessageError::bad_cluster: return "the cluster's name is too long";
    case MessageError::duplicate_name: return "the peer record has a name twice";
  }
  return "the message does not decode";
}

LinkStream stream_of(const Message& message) {
  const bool is_of_overlay = std::holds_alternative<Membership>(message) || std::holds_alternative<Gossip>(message) ||
                             std::holds_alternative<RecordsWanted>(message) || std::holds_alternative<Records>(message) ||
                             std::holds_alternative<HeldDown>(message) || std::holds_alternative<ViewAsked>(message) ||
                             std::holds_alternative<View>(message);
  return is_of_overlay ? LinkStream::overlay : LinkStream::link;
}

std::expected<Message, MessageError> decode(ByteView message) {
  if (message.size() > limits::peer_message_bytes_max) return unexpected{MessageError::too_large};
  wire::PeerMessage in;
  if (!parse(in, message)) return unexpected{MessageError::malformed};
  switch (in.message_case()) {
    case wire::PeerMessage::kHello: return read(in.hello());
    case wire::PeerMessage::kRecordUpdate: {
      auto record = record_of(in.record_update().record());
      if (!record) return unexpected{record.error()};
      return RecordUpdate{std::move(*record)};
    }
    case wire::PeerMessage::kChannelOpen: return read(in.channel_open());
    case wire::PeerMessage::kChannelOpened: {
      auto record = record_of(in.channel_opened().record());
      if (!record) return unexpected{record.error()};
      return ChannelOpened{in.channel_opened().channel(), std::move(*record)};
    }
    case wire::PeerMessage::kChannelRefused: {
      const auto& refused = in.channel_refused();
      // The code crosses to a node as 16 bits; what does not fit is no code of ours.
      const auto code = refused.code() <= 0xffff ? static_cast<RefuseCode>(refused.code()) : RefuseCode::unreachable;
      return ChannelRefused{refused.channel(), code, refused.text().substr(0, limits::refused_text_bytes_max)};
    }
    case wire::PeerMessage::kChannelCancel: return ChannelCancel{in.channel_cancel().channel()};
    case wire::PeerMessage::kChannelUnused: return ChannelUnused{in.channel_unused().channel()};
    case wire::PeerMessage::kMembership: return Membership{bytes_of(in.membership())};
    case wire::PeerMessage::kGossip: return Gossip{bytes_of(in.gossip())};
    case wire::PeerMessage::kRecordsWanted: return RecordsWanted{};
    case wire::PeerMessage::kHeldDown: return HeldDown{in.held_down().epoch(), in.held_down().incarnation()};
    case wire::PeerMessage::kRecords: return read_records<Records>(in.records());
    case wire::PeerMessage::kViewAsked: return ViewAsked{};
    case wire::PeerMessage::kView: return read_records<View>(in.view());
    case wire::PeerMessage::MESSAGE_NOT_SET: break;
  }
  return unexpected{MessageError::unknown_message};
}

Bytes encode(const Message& message) {
  wire::PeerMessage out;
  std::visit(ToWire{out}, message);
  return serialized(out);
}

std::expected<RecordBody, MessageError> decode_record_body(ByteView body) {
  if (body.size() > limits::record_bytes_max) return unexpected{MessageError::record_too_large};
  wire::PeerRecord in;
  if (!parse(in, body)) return unexpected{MessageError::malformed};
  const auto count = [](int size) { return static_cast<std::size_t>(size); };
  if (count(in.names_size()) > limits::names_per_record_max) return unexpected{MessageError::too_many_names};
  if (count(in.addresses_size()) > limits::addresses_per_record_max) return unexpected{MessageError::too_many_addresses};
  if (count(in.capabilities_size()) > limits::capabilities_per_record_max)
    return unexpected{MessageError::too_many_capabilities};
  if (in.cluster().size() > limits::cluster_bytes_max) return unexpected{MessageError::bad_cluster};

  RecordBody record{.cluster = in.cluster(),
                    .names = {},
                    .epoch = in.epoch(),
                    .number = in.number(),
                    .addresses = {},
                    .capabilities = {},
                    .issued = WallTime{in.issued_ms()},
                    .expires = WallTime{in.expires_ms()}};
  for (const auto& text : in.names()) {
    auto name = NodeName::parse(text);
    if (!name) return unexpected{MessageError::bad_name};
    record.names.push_back(std::move(*name));
  }
  std::ranges::sort(record.names);
  if (std::ranges::adjacent_find(record.names) != record.names.end()) return unexpected{MessageError::duplicate_name};
  for (const auto& text : in.addresses()) {
    const auto address = Address::parse(text);
    if (!address) return unexpected{MessageError::bad_address};
    record.addresses.push_back(*address);
  }
  for (const auto& text : in.capabilities()) {
    if (text.empty() || text.size() > limits::capability_bytes_max) return unexpected{MessageError::bad_capability};
    record.capabilities.push_back(text);
  }
  return record;
}

Bytes encode_record_body(const RecordBody& body) {
  wire::PeerRecord out;
  out.set_cluster(body.cluster);
  for (const auto& name : body.names) out.add_names(name.text());
  out.set_epoch(body.epoch);
  out.set_number(body.number);
  for (const auto& address : body.addresses) out.add_addresses(address.text());
  for (const auto& capability : body.capabilities) out.add_capabilities(capability);
  out.set_issued_ms(body.issued.count());
  out.set_expires_ms(body.expires.count());
  return serialized(out);
}

}  // namespace bp2p::peer
