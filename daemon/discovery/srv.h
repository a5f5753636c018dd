// SRV records (RFC 2782): where a service of a domain is, with ports, in an order.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/rng.h"

namespace bp2p {

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string target;  ///< without the dot at its end; empty: there is no such service
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

/// Asks for `_barrel-p2p._udp.HOST`; a host without a dot is looked for in the resolver's search domains too. Blocks for
/// 2 s at most per domain. `name_server` (IPv4) instead of those in /etc/resolv.conf. At most 64; empty: none, or no
/// answer.
std::vector<SrvRecord> ask_for_srv(const std::string& host, const std::optional<Address>& name_server);

/// The records in a name server's answer, whatever that is.
std::vector<SrvRecord> srv_records(std::span<const std::uint8_t> answer);

/// By priority, and among equals drawn by weight.
std::vector<SrvRecord> in_order(std::vector<SrvRecord> records, Rng& rng);

}  // namespace bp2p
