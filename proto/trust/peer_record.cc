#include "proto/trust/peer_record.h"

#include <tuple>

#include "proto/wire/limits.h"

namespace bp2p {
namespace {

/// With its terminating zero: "barrel-p2p peer record 1" 0 (docs/wire.md 2.1).
constexpr std::string_view signed_prefix{"barrel-p2p peer record 1\0", 25};

Bytes signed_text(ByteView body) {
  Writer text;
  text.raw(as_bytes(signed_prefix)).raw(body);
  return text.take();
}

}  // namespace

std::string_view describe(RecordError error) {
  switch (error) {
    case RecordError::malformed: return "the peer record does not decode";
    case RecordError::other_key: return "the peer record is of another key";
    case RecordError::bad_signature: return "the peer record's signature is wrong";
    case RecordError::wrong_cluster: return "the peer record is of another cluster";
    case RecordError::expired: return "the peer record has expired; are both clocks right?";
    case RecordError::not_yet_valid: return "the peer record was issued in the future; are both clocks right?";
    case RecordError::lives_too_long: return "the peer record is valid for more than 24 h";
  }
  return "the peer record is not good";
}

Bytes sign_record(const peer::RecordBody& body, const Signing& signing) {
  const Bytes encoded = peer::encode_record_body(body);
  const Signature signature = signing.sign(signed_text(encoded));
  Writer record;
  record.raw(signing.own_key().bytes).raw(signature.bytes).raw(encoded);
  return record.take();
}

std::expected<VerifiedRecord, RecordError> verify_record(ByteView record, const RecordRules& rules,
                                                         const Signing& signing) {
  if (record.size() > limits::record_bytes_max) return std::unexpected{RecordError::malformed};
  Reader in{record};
  PublicKey key;
  Signature signature;
  in.fill(key.bytes);
  in.fill(signature.bytes);
  if (in.failed()) return std::unexpected{RecordError::malformed};
  if (rules.key && key != *rules.key) return std::unexpected{RecordError::other_key};
  const ByteView encoded = in.rest();
  if (!signing.verify(key, signed_text(encoded), signature)) return std::unexpected{RecordError::bad_signature};

  auto body = peer::decode_record_body(encoded);
  if (!body) return std::unexpected{RecordError::malformed};
  if (body->cluster != rules.cluster) return std::unexpected{RecordError::wrong_cluster};
  // The dates are the peer's, any 64 bits: sums are taken only where they cannot overflow.
  if (rules.now && body->issued > *rules.now + limits::clock_tolerance) return std::unexpected{RecordError::not_yet_valid};
  if (rules.now && body->expires < *rules.now - limits::clock_tolerance) return std::unexpected{RecordError::expired};
  if (body->issued > WallTime::max() - limits::record_life_max || body->expires > body->issued + limits::record_life_max)
    return std::unexpected{RecordError::lives_too_long};
  return VerifiedRecord{key, std::move(*body)};
}

bool is_newer(const peer::RecordBody& record, const peer::RecordBody& than) {
  return std::tie(record.epoch, record.number) > std::tie(than.epoch, than.number);
}

}  // namespace bp2p
