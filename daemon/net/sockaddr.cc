#include "daemon/net/sockaddr.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace bp2p {

sockaddr_in6 to_sockaddr6(const Address& address) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(address.port);
  out.sin6_scope_id = address.scope;
  std::memcpy(&out.sin6_addr, address.ip.data(), address.ip.size());
  return out;
}

sockaddr_in to_sockaddr4(const Address& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(address.port);
  std::memcpy(&out.sin_addr, address.ip.data() + 12, 4);
  return out;
}

std::optional<Address> from_sockaddr(const sockaddr* address) {
  Address out;
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::memcpy(out.ip.data(), &in.sin6_addr, out.ip.size());
    out.port = ntohs(in.sin6_port);
    out.scope = in.sin6_scope_id;
    return out;
  }
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    out.ip[10] = out.ip[11] = std::byte{0xff};
    std::memcpy(out.ip.data() + 12, &in.sin_addr, 4);
    out.port = ntohs(in.sin_port);
    return out;
  }
  return std::nullopt;
}

std::optional<Address> local_address_towards(const Address& remote) {
  // connect() of a UDP socket sends nothing; it asks the routing table.
  const bool v4 = remote.is_v4();
  const int fd = ::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  std::optional<Address> out;
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  const sockaddr_in to4 = v4 ? to_sockaddr4(remote) : sockaddr_in{};
  const sockaddr_in6 to6 = to_sockaddr6(remote);
  const auto* to = v4 ? reinterpret_cast<const sockaddr*>(&to4) : reinterpret_cast<const sockaddr*>(&to6);
  if (::connect(fd, to, v4 ? sizeof to4 : sizeof to6) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0) {
    out = from_sockaddr(reinterpret_cast<const sockaddr*>(&local));
    if (out) out->port = 0;
  }
  ::close(fd);
  return out;
}

}  // namespace bp2p
