#include "proto/base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace bp2p {
namespace {

// inet_pton and inet_ntop are text functions: they open nothing. ::ffff:0:0/96, RFC 4291 2.5.5.2.
constexpr std::array<std::byte, 12> v4_prefix{std::byte{}, std::byte{}, std::byte{}, std::byte{}, std::byte{},     std::byte{},
                                              std::byte{}, std::byte{}, std::byte{}, std::byte{}, std::byte{0xff}, std::byte{0xff}};

/// Decimal digits only, no sign, no leading zero: one number has one form.
template <class T>
std::optional<T> read_decimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

bool Address::is_v4() const { return std::equal(v4_prefix.begin(), v4_prefix.end(), ip.begin()); }

std::string Address::text() const {
  char host[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    inet_ntop(AF_INET, ip.data() + v4_prefix.size(), host, sizeof host);
    return std::string{host} + ':' + std::to_string(port);
  }
  inet_ntop(AF_INET6, ip.data(), host, sizeof host);
  std::string text = std::string{'['} + host;
  if (scope != 0) text += '%' + std::to_string(scope);
  return text + "]:" + std::to_string(port);
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = read_decimal<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  Address address;
  address.port = *port;

  if (!host.starts_with('[')) {
    std::copy(v4_prefix.begin(), v4_prefix.end(), address.ip.begin());
    if (host.size() >= INET_ADDRSTRLEN || host.find('\0') != std::string_view::npos) return std::nullopt;
    if (inet_pton(AF_INET, std::string{host}.c_str(), address.ip.data() + v4_prefix.size()) != 1) return std::nullopt;
    return address;
  }

  if (!host.ends_with(']')) return std::nullopt;
  host = host.substr(1, host.size() - 2);
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    const auto scope = read_decimal<std::uint32_t>(host.substr(percent + 1));
    if (!scope || *scope == 0) return std::nullopt;
    address.scope = *scope;
    host = host.substr(0, percent);
  }
  if (host.size() >= INET6_ADDRSTRLEN || host.find('\0') != std::string_view::npos) return std::nullopt;
  if (inet_pton(AF_INET6, std::string{host}.c_str(), address.ip.data()) != 1) return std::nullopt;
  if (address.is_v4() && address.scope != 0) return std::nullopt;
  return address;
}

}  // namespace bp2p
