#include "daemon/quic/connection_id.h"

#include <algorithm>
#include <cstring>

#include "daemon/entropy.h"
#include "proto/base/rng.h"

namespace bp2p::quic {

ngtcp2_cid random_connection_id(Secrets& secrets) {
  ngtcp2_cid id{};
  id.datalen = connection_id_size;
  secrets.fill(std::as_writable_bytes(std::span{id.data, connection_id_size}));
  return id;
}

std::size_t ConnectionIdHash::operator()(const ngtcp2_cid& id) const {
  // Strangers choose the first id of a connection: without a seed they could choose ids that collide.
  static const std::uint64_t seed = random_seed();
  std::uint64_t first = 0, second = 0;
  std::memcpy(&first, id.data, std::min<std::size_t>(id.datalen, 8));
  if (id.datalen > 8) std::memcpy(&second, id.data + 8, std::min<std::size_t>(id.datalen - 8, 8));
  return Rng{first ^ Rng{second ^ seed}.next()}.next();
}

}  // namespace bp2p::quic
