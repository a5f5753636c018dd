// `barrel-p2pd status --json`: one plain struct of all that the daemon knows about itself, and its JSON. The keys
// are documented in docs/operations.md; they are added to, never renamed.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/ids.h"
#include "proto/base/now.h"
#include "proto/core/core.h"
#include "proto/core/status.h"

namespace bp2p::control {

/// What QUIC knows of a link. Counts are since the link was opened.
struct LinkTraffic {
  LinkId link;
  Duration rtt{};      ///< smoothed
  Duration min_rtt{};
  std::uint64_t packets_sent = 0;
  std::uint64_t packets_lost = 0;
  std::uint32_t mtu = 0;  ///< largest UDP payload that is known to arrive
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t congestion_window = 0;
};

/// What the data road knows of a channel. "In" is towards our node.
struct ChannelTraffic {
  SessionId leg;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t frames_in = 0, frames_out = 0;
  std::uint64_t queued_in = 0;   ///< bytes that our node has not read yet
  std::uint64_t queued_out = 0;  ///< bytes that the peer has not acknowledged yet
  std::optional<Duration> blocked_for;  ///< how long our node's port has been busy
};

struct DaemonStatus {
  Status core;
  std::vector<LinkTraffic> links;
  std::vector<ChannelTraffic> channels;
  std::map<LinkId, std::vector<NodeName>> pinned;  ///< of links without names: what is pinned to the peer's key
  std::string host;         ///< the machine's name
  std::string version;
  std::string fingerprint;  ///< `SHA256:…`
  std::vector<Address> udp;       ///< bound
  std::vector<Address> advertised;
  Duration uptime{};
  std::string cluster;
  Trust trust = Trust::tofu;
  std::uint64_t pins = 0;
  bool stopping = false;
  std::map<std::string, std::uint64_t> counters;  ///< `gate.retries` and the like
};

/// Schema `barrel-p2pd/status/1`. Lists are sorted by their numbers; spans are integers in ms, round trips in us.
nlohmann::ordered_json status_json(const DaemonStatus& status);

/// A link's figures into its object: `rtt_us`, `loss` and so on.
void add_traffic(const LinkTraffic& traffic, nlohmann::ordered_json& out);

}  // namespace bp2p::control
