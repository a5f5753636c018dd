// What the tests of the views show: a daemon with two nodes, three links, a channel of each kind, and an overlay.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "daemon/control/status_view.h"

namespace bp2p::control {

using namespace std::chrono_literals;

inline NodeName name_of(std::string_view text) { return NodeName::parse(text).value(); }
inline Address address_of(std::string_view text) { return Address::parse(text).value(); }
inline PublicKey key_of(std::uint8_t seed) {
  PublicKey key;
  key.bytes.fill(static_cast<std::byte>(seed));
  return key;
}

inline DaemonStatus example() {
  DaemonStatus status;
  status.host = "db1";
  status.version = "0.1.0";
  status.fingerprint = "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU";
  status.udp = {address_of("[::]:9100")};
  status.advertised = {address_of("10.0.0.5:9100")};
  status.uptime = 76h;
  status.cluster = "default";
  status.pins = 12;
  status.counters = {{"gate.retries", 3}};
  // Out of order, to see them sorted.
  status.core.sessions = {
      {.session = {4}, .name = std::nullopt, .uid = 1000, .pid = 77, .creation = 5, .hidden = true, .listens = false,
       .since = 5min},
      {.session = {1}, .name = name_of("app@db1"), .uid = 1000, .pid = 70, .creation = 4, .since = 75h}};
  status.core.links = {{.link = {9}, .key = key_of(5), .address = address_of("10.0.0.6:9100"), .dialled_here = true,
                        .admitted = true, .names = {name_of("app@db2")}, .since = 74h},
                       {.link = {11}, .key = key_of(1), .address = address_of("[2001:db8::7]:9100"), .names = {},
                        .since = 2s}};
  status.links = {{.link = {9}, .rtt = 412us, .min_rtt = 300us, .packets_sent = 1000, .packets_lost = 2, .mtu = 8952,
                   .bytes_in = 1'153'434, .bytes_out = 943'719, .congestion_window = 65'536}};
  status.core.channels = {{.leg = {6}, .link = LinkId{9}, .local = name_of("app@db1"), .remote = name_of("app@db2"),
                           .opened_here = true, .since = 74h},
                          {.leg = {7}, .link = std::nullopt, .local = name_of("app@db1"), .remote = std::nullopt,
                           .since = 5min}};
  status.channels = {{.leg = {6}, .bytes_in = 1000, .bytes_out = 2000, .frames_in = 10, .frames_out = 20,
                      .queued_in = 1'258'291, .queued_out = 0, .blocked_for = 12s}};
  status.core.trying = {{.name = name_of("app@db5"), .last_error = "10.0.0.7:9100: no answer", .failures = 3,
                         .next_try_in = 4s}};
  status.core.overlay = {
      .is_joined = true,
      .neighbours_wanted = 5,
      .neighbours = {{.key = key_of(5), .names = {name_of("app@db2")}, .direction = membership::Direction::outbound, .heard = 3s}},
      .spares = {{.key = key_of(2), .names = {name_of("app@db3"), name_of("batch@db3")}, .since = 5min, .failures = 2},
                 {.key = key_of(3), .names = {}, .since = 1min}},
      .members = {.alive = 4, .suspected = 1, .down = 2, .left = 0},
      .book = 7,
      .book_lost = 2,
      .membership = {.stale = 1},
      .suspicion = {.refuted = 2},
      .gossip = {.delivered = 100, .misdeeds = {1, 2}},
      .gossip_usage = {.origins = 4, .kept_bytes = 4096}};
  status.core.refused_links = 1;
  return status;
}

/// Compares what was written with the golden file of that name; BP2P_REWRITE=1 writes the file anew.
inline void expect_golden(const std::string& file, const nlohmann::ordered_json& json) {
  const std::string golden = std::string{BP2P_SOURCE_DIR} + "/tests/unit/daemon/control/" + file;
  const std::string written = json.dump(2) + "\n";
  if (std::getenv("BP2P_REWRITE")) std::ofstream{golden} << written;
  std::ostringstream stored;
  stored << std::ifstream{golden}.rdbuf();
  EXPECT_EQ(stored.str(), written) << "keys are only ever added; BP2P_REWRITE=1 writes the file anew";
}

}  // namespace bp2p::control
