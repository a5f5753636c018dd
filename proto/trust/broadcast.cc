#include "proto/trust/broadcast.h"

#include "proto/base/check.h"

namespace bp2p {
namespace {

/// "barrel-p2p broadcast 1" 0 ClusterLen:16 cluster epoch:64 number:64 kind:8 body (docs/wire.md 2.5).
Bytes signed_text(const BroadcastId& id, ByteView kind_and_body) {
  constexpr std::string_view prefix{"barrel-p2p broadcast 1\0", 23};
  Writer text;
  text.raw(as_bytes(prefix)).text16(id.cluster).u64(id.epoch).u64(id.number).raw(kind_and_body);
  return text.take();
}

}  // namespace

Bytes sign_broadcast(const BroadcastId& id, BroadcastKind kind, ByteView body, const Signing& signing) {
  Writer rest;
  rest.u8(static_cast<std::uint8_t>(kind)).raw(body);
  const Bytes kind_and_body = rest.take();
  Writer payload;
  payload.raw(signing.sign(signed_text(id, kind_and_body)).bytes).raw(kind_and_body);
  return payload.take();
}

bool verify_broadcast(const BroadcastId& id, const PublicKey& origin, ByteView payload, const Signing& signing) {
  if (payload.size() <= Signature::size) return false;
  Reader in{payload};
  Signature signature;
  in.fill(signature.bytes);
  return signing.verify(origin, signed_text(id, in.rest()), signature);
}

Broadcast read_broadcast(ByteView payload) {
  BP2P_CHECK(payload.size() > Signature::size);
  return {static_cast<std::uint8_t>(payload[Signature::size]), payload.subspan(Signature::size + 1)};
}

}  // namespace bp2p
