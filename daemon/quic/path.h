// Addresses as ngtcp2 wants them.
#pragma once
#include <ngtcp2/ngtcp2.h>

#include "daemon/net/sockaddr.h"
#include "proto/base/address.h"

namespace bp2p::quic {

/// A path with the storage it points into.
struct PathStorage {
  sockaddr_in6 local{}, remote{};
  ngtcp2_path path{};
  PathStorage(const Address& from, const Address& to) : local(to_sockaddr6(from)), remote(to_sockaddr6(to)) {
    path.local = {reinterpret_cast<ngtcp2_sockaddr*>(&local), sizeof local};
    path.remote = {reinterpret_cast<ngtcp2_sockaddr*>(&remote), sizeof remote};
  }
  PathStorage(const PathStorage&) = delete;
  PathStorage& operator=(const PathStorage&) = delete;
};

inline Address address_of(const ngtcp2_addr& address) {
  return from_sockaddr(reinterpret_cast<const sockaddr*>(address.addr)).value_or(Address{});
}

}  // namespace bp2p::quic
