// Where a daemon listens: an IP address and a UDP port, as a value.
#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bp2p {

struct Address {
  /// IPv6; an IPv4 address is ::ffff:a.b.c.d, so that one address has one form.
  std::array<std::byte, 16> ip{};
  /// IPv6 scope of a link-local address, else 0.
  std::uint32_t scope = 0;
  std::uint16_t port = 0;

  bool is_v4() const;
  /// `10.0.0.6:9100` or `[2001:db8::7]:9100` (RFC 5952).
  std::string text() const;
  /// Reads what text() writes. Names are not looked up; the port is required.
  static std::optional<Address> parse(std::string_view text);
  friend auto operator<=>(const Address&, const Address&) = default;
};

}  // namespace bp2p

template <>
struct std::hash<bp2p::Address> {
  std::size_t operator()(const bp2p::Address& address) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(address.ip.data()), address.ip.size()}) * 31 + address.port;
  }
};
