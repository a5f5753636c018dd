#include "daemon/discovery/dns.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>

namespace bp2p {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t addresses_max = 16;  // as many as a peer record holds

Address as_ours(const ip::address& from, std::uint16_t port) {
  const ip::address_v6 v6 = from.is_v4() ? ip::make_address_v6(ip::v4_mapped, from.to_v4()) : from.to_v6();
  const auto bytes = v6.to_bytes();
  Address address{.ip = {}, .scope = from.is_v4() ? 0 : static_cast<std::uint32_t>(v6.scope_id()), .port = port};
  static_assert(sizeof address.ip == sizeof bytes);
  std::memcpy(address.ip.data(), bytes.data(), bytes.size());
  return address;
}

}  // namespace

std::optional<Address> literal_host(const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  const auto address = ip::make_address(host, error);
  if (error) return std::nullopt;
  return as_ours(address, port);
}

void Dns::resolve(const std::string& host, Done done) {
  ++*under_way_;
  // Without flags: `address_configured` would hide ::1 on a host that has no other IPv6 address.
  resolver_.async_resolve(host, "", ip::resolver_base::flags{},
                          [port = port_, under_way = under_way_, done = std::move(done)](const boost::system::error_code& error,
                                                                 const ip::udp::resolver::results_type& found) {
                            --*under_way;
                            std::vector<Address> addresses;
                            if (!error) {
                              for (const auto& entry : found) {
                                const Address address = as_ours(entry.endpoint().address(), port);
                                if (std::ranges::find(addresses, address) == addresses.end() &&
                                    addresses.size() < addresses_max)
                                  addresses.push_back(address);
                              }
                            }
                            done(std::move(addresses));
                          });
}

}  // namespace bp2p
