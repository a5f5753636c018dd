// What daemons say to one another (proto/wire/peer.proto) as typed values. Only this file's source knows the
// generated classes; everyone else sees names that are names and addresses that are addresses.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/wire/codes.h"
#include "proto/wire/link_stream.h"

namespace bp2p::peer {

/// The body of a peer record: what a daemon says of itself. Signing it is proto/trust/peer_record.h.
struct RecordBody {
  std::string cluster;
  std::vector<NodeName> names;  ///< sorted, none twice
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  std::vector<Address> addresses;
  std::vector<std::string> capabilities;
  WallTime issued{};
  WallTime expires{};
  friend bool operator==(const RecordBody&, const RecordBody&) = default;
};

/// `record` is `key:32 signature:64 body` here and below, not looked into; empty where a message may leave it out.
struct Hello {
  std::uint32_t version = 0;
  std::string cluster;
  Bytes record;
  Signature binding;
};
struct RecordUpdate {
  Bytes record;
};
struct ChannelOpen {
  std::uint64_t channel = 0;
  std::optional<NodeName> from;
  NodeName to;
  Bytes record;
};
struct ChannelOpened {
  std::uint64_t channel = 0;
  Bytes record;
};
struct ChannelRefused {
  std::uint64_t channel = 0;
  RefuseCode code{};
  std::string text;
};
struct ChannelCancel {
  std::uint64_t channel = 0;
};
struct ChannelUnused {
  std::uint64_t channel = 0;
};

/// For proto/membership/codec.h, not looked into.
struct Membership {
  Bytes message;
};
/// For proto/gossip/codec.h.
struct Gossip {
  Bytes message;
};
struct RecordsWanted {};
/// "I had held you down, or suspect you", in a life of yours (proto/membership/suspicion.h).
struct HeldDown {
  std::uint64_t epoch = 0, incarnation = 0;
};
struct Records {
  std::vector<Bytes> records;
};
/// "Who are your neighbours?", and the answer: their records.
struct ViewAsked {};
struct View {
  std::vector<Bytes> records;
};

using Message = std::variant<Hello, RecordUpdate, ChannelOpen, ChannelOpened, ChannelRefused, ChannelCancel, Membership, Gossip, RecordsWanted,
                             Records, HeldDown, ChannelUnused, ViewAsked, View>;

enum class MessageError : std::uint8_t {
  too_large,
  malformed,        ///< not protobuf
  unknown_message,  ///< none of the oneof's members: a newer daemon's; the caller may pass over it
  bad_name,
  bad_signature_size,
  record_too_large,
  too_many_names,
  too_many_addresses,
  too_many_capabilities,
  bad_address,
  bad_capability,
  bad_cluster,
  duplicate_name,
};
std::string_view describe(MessageError error);

/// The only one that a message may come on.
LinkStream stream_of(const Message& message);

/// Decodes one message, without its length. Bounds are those of proto/wire/limits.h.
std::expected<Message, MessageError> decode(ByteView message);
Bytes encode(const Message& message);

/// The record's body alone, at most record_bytes_max.
std::expected<RecordBody, MessageError> decode_record_body(ByteView body);
Bytes encode_record_body(const RecordBody& body);

}  // namespace bp2p::peer
