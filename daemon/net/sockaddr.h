// Between Address and the kernel's socket addresses.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <variant>

#include "proto/base/address.h"

namespace bp2p {

/// Always IPv6, IPv4 mapped into it: one form to compare and to hand to ngtcp2.
sockaddr_in6 to_sockaddr6(const Address& address);
/// For a socket of family AF_INET; only for addresses with is_v4().
sockaddr_in to_sockaddr4(const Address& address);
/// None for other families.
std::optional<Address> from_sockaddr(const sockaddr* address);

/// The local address that the kernel would use to reach `remote`; the port is left 0. None: there is no route.
std::optional<Address> local_address_towards(const Address& remote);

}  // namespace bp2p
