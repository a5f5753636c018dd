// The host part of a node's name, looked up: SRV records, which have a port, else addresses, which get the default one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/address.h"

namespace bp2p {

/// An IP address written out (`::1`, `127.0.0.1`, `fe80::1%eth0`) needs no look-up.
std::optional<Address> literal_host(const std::string& host, std::uint16_t port);

/// By the system's resolver (getaddrinfo: /etc/hosts, DNS, whatever nsswitch.conf says). Blocks for as long as that
/// likes. At most 16; empty: no such host, or no answer.
std::vector<Address> addresses_of_host(const std::string& host, std::uint16_t port);

struct DnsOptions {
  std::uint16_t default_port = 9100;
  /// Asked for SRV instead of those in /etc/resolv.conf. IPv4; for tests.
  std::optional<Address> name_server;
};

/// Blocks. `_barrel-p2p._udp.HOST` (RFC 2782) counts alone where it is there, else HOST with the default port.
/// At most 16.
std::vector<Address> find_by_dns(const std::string& host, const DnsOptions& options);

}  // namespace bp2p
