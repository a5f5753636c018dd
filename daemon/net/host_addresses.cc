#include "daemon/net/host_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>

#include "daemon/net/sockaddr.h"

namespace bp2p {
namespace {

bool is_wildcard(const Address& address) {
  const std::size_t from = address.is_v4() ? 12 : 0;
  return std::all_of(address.ip.begin() + static_cast<std::ptrdiff_t>(from), address.ip.end(),
                     [](std::byte each) { return each == std::byte{0}; });
}

bool is_link_local(const Address& address) {
  if (address.is_v4()) return address.ip[12] == std::byte{169} && address.ip[13] == std::byte{254};
  return address.ip[0] == std::byte{0xfe} && (address.ip[1] & std::byte{0xc0}) == std::byte{0x80};
}

}  // namespace

bool is_loopback(const Address& address) {
  if (address.is_v4()) return address.ip[12] == std::byte{127};
  return address.ip[15] == std::byte{1} && std::all_of(address.ip.begin(), address.ip.end() - 1, [](std::byte each) { return each == std::byte{0}; });
}

std::vector<Address> addresses_of_host(const std::vector<Address>& bound) {
  std::vector<Address> reachable, loopback;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) all = nullptr;
  for (const Address& each : bound) {
    if (!is_wildcard(each)) {
      reachable.push_back(each);
      continue;
    }
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
      const int family = one->ifa_addr->sa_family;
      if (family != AF_INET && (family != AF_INET6 || each.is_v4())) continue;
      Address address = *from_sockaddr(one->ifa_addr);
      address.port = each.port;
      if (is_link_local(address)) continue;
      ((one->ifa_flags & IFF_LOOPBACK) != 0 ? loopback : reachable).push_back(address);
    }
  }
  if (all != nullptr) ::freeifaddrs(all);
  return reachable.empty() ? loopback : reachable;
}

}  // namespace bp2p
