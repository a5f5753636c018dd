// Connection ids: ours are all of one length and random; what others choose is only looked up.
#pragma once
#include <ngtcp2/ngtcp2.h>

#include <cstddef>

#include "proto/trust/signing.h"

namespace bp2p::quic {

/// Bytes: long enough that nobody guesses one.
inline constexpr std::size_t connection_id_size = 18;

ngtcp2_cid random_connection_id(Secrets& secrets);

struct ConnectionIdHash {
  std::size_t operator()(const ngtcp2_cid& id) const;
};
struct ConnectionIdEqual {
  bool operator()(const ngtcp2_cid& a, const ngtcp2_cid& b) const { return ngtcp2_cid_eq(&a, &b) != 0; }
};

}  // namespace bp2p::quic
