// What a broadcast carries: one statement of its origin, signed by it. Whoever passes a broadcast on has verified it, so
// nobody is spoken for by another, and what is forged dies at the first honest daemon.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/trust/signing.h"

namespace bp2p {

/// What `body` is (docs/wire.md 2.5).
enum class BroadcastKind : std::uint8_t {
  message = 1,    ///< of an application: `TagLen:32 Tag Payload`, both in external term format to those who use it
  record = 2,     ///< the origin's peer record: it joined, or it changed
  suspicion = 3,  ///< the origin cannot reach somebody: `key:32 epoch:64 incarnation:64`
  alive = 4,      ///< the origin lives: `epoch:64 incarnation:64`
  leaving = 5,    ///< the origin leaves: the same
};

/// Which broadcast it is; the origin's key is who signs.
struct BroadcastId {
  std::string_view cluster;
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
};

struct Broadcast {
  std::uint8_t kind = 0;  ///< may be one that this version does not know: passed on, not looked into
  ByteView body;          ///< within the payload
};

/// `signature:64 kind:8 body`: 65 bytes more than the body.
Bytes sign_broadcast(const BroadcastId& id, BroadcastKind kind, ByteView body, const Signing& signing);
/// Costs one Ed25519 verification (53 us).
bool verify_broadcast(const BroadcastId& id, const PublicKey& origin, ByteView payload, const Signing& signing);
/// Of a payload that was verified.
Broadcast read_broadcast(ByteView payload);

}  // namespace bp2p
