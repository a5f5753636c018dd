#include "daemon/discovery/dns.h"

#include <netdb.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <memory>

#include "daemon/discovery/srv.h"
#include "daemon/entropy.h"
#include "daemon/net/sockaddr.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace {

namespace ip = boost::asio::ip;

/// Each costs a look-up of its own.
constexpr std::size_t targets_max = 8;

void add(std::vector<Address>& to, const Address& address) {
  if (to.size() < limits::addresses_per_name_max && std::ranges::find(to, address) == to.end()) to.push_back(address);
}

/// RFC 6761 and 6762: these are never a name server's.
bool is_in_dns(std::string_view host) {
  return host != "localhost" && !host.ends_with(".localhost") && !host.ends_with(".local");
}

}  // namespace

std::optional<Address> literal_host(const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  const auto from = ip::make_address(host, error);
  if (error) return std::nullopt;
  const ip::address_v6 v6 = from.is_v4() ? ip::make_address_v6(ip::v4_mapped, from.to_v4()) : from.to_v6();
  const auto bytes = v6.to_bytes();
  Address address{.ip = {}, .scope = from.is_v4() ? 0 : static_cast<std::uint32_t>(v6.scope_id()), .port = port};
  static_assert(sizeof address.ip == sizeof bytes);
  std::memcpy(address.ip.data(), bytes.data(), bytes.size());
  return address;
}

std::vector<Address> addresses_of_host(const std::string& host, std::uint16_t port) {
  if (const auto literal = literal_host(host, port)) return {*literal};
  // Without flags: AI_ADDRCONFIG would hide ::1 on a host that has no other IPv6 address.
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* all = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &all) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{all, &::freeaddrinfo};
  std::vector<Address> found;
  for (const addrinfo* one = all; one != nullptr; one = one->ai_next) {
    auto address = from_sockaddr(one->ai_addr);
    if (!address) continue;
    address->port = port;
    add(found, *address);
  }
  return found;
}

std::vector<Address> find_by_dns(const std::string& host, const DnsOptions& options) {
  if (const auto literal = literal_host(host, options.default_port)) return {*literal};
  if (is_in_dns(host)) {
    auto records = ask_for_srv(host, options.name_server);
    if (!records.empty()) {
      Rng rng{random_seed()};
      records = in_order(std::move(records), rng);
      if (records.size() > targets_max) records.resize(targets_max);
      std::vector<Address> found;
      for (const SrvRecord& record : records)
        // "A Target of "." means that the service is decidedly not available at this domain." (RFC 2782)
        if (!record.target.empty())
          for (const Address& address : addresses_of_host(record.target, record.port)) add(found, address);
      return found;
    }
  }
  return addresses_of_host(host, options.default_port);
}

}  // namespace bp2p
