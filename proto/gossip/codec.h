// Gossip's messages as bytes (proto/wire/gossip.proto), and back.
#pragma once
#include <expected>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/gossip/messages.h"

namespace bp2p::gossip {

enum class DecodeError : std::uint8_t {
  malformed,
  unknown_message,  ///< a newer daemon's; may be passed over
  bad_key,          ///< not 32 bytes
  too_many,         ///< a list beyond its bound in messages.h
};
std::string_view describe(DecodeError error);

Bytes encode(const Message& message);
std::expected<Message, DecodeError> decode(ByteView message);

}  // namespace bp2p::gossip
