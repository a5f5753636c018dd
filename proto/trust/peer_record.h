// What a daemon says of itself, signed by its key: the only thing that makes a name belong to a key. On the
// wire: `key:32 signature:64 body`, the signature over a prefix that no other signature of ours has, and body.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/trust/signing.h"
#include "proto/wire/peer_messages.h"

namespace bp2p {

/// A record whose signature, cluster and dates were good when it was checked. Only verify_record makes one.
struct VerifiedRecord {
  PublicKey key;
  peer::RecordBody body;
};

enum class RecordError : std::uint8_t {
  malformed,      ///< too short, or the body does not decode
  other_key,      ///< signed, but not by the key it has to be of
  bad_signature,
  wrong_cluster,
  expired,
  not_yet_valid,  ///< issued in the future beyond the tolerance: one of the two clocks is wrong
  lives_too_long, ///< expires more than 24 h after it was issued
};
std::string_view describe(RecordError error);

struct RecordRules {
  std::optional<PublicKey> key;  ///< proven by TLS; none: a third party's, of whichever key it is
  std::string_view cluster;  ///< ours
  std::optional<WallTime> now;   ///< none: the dates are not looked at
};

/// Signs `body` with our key. The body is within the limits of proto/wire/limits.h.
Bytes sign_record(const peer::RecordBody& body, const Signing& signing);

/// Checks, in this order: shape and size, key, signature, body, cluster, dates. Costs one Ed25519 verification
/// (53 us), and only when the cheap checks before it passed.
std::expected<VerifiedRecord, RecordError> verify_record(ByteView record, const RecordRules& rules,
                                                         const Signing& signing);

/// Of one key's records the highest (epoch, number) counts; an equal one is no news.
bool is_newer(const peer::RecordBody& record, const peer::RecordBody& than);

}  // namespace bp2p
