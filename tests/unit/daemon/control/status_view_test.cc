#include "daemon/control/status_view.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace bp2p::control {
namespace {

using namespace std::chrono_literals;

NodeName name_of(std::string_view text) { return NodeName::parse(text).value(); }
Address address_of(std::string_view text) { return Address::parse(text).value(); }

DaemonStatus example() {
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
  status.core.links = {{.link = {9}, .key = PublicKey{}, .address = address_of("10.0.0.6:9100"), .dialled_here = true,
                        .admitted = true, .names = {name_of("app@db2")}, .since = 74h},
                       {.link = {11}, .key = PublicKey{}, .address = address_of("[2001:db8::7]:9100"), .names = {},
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
  status.core.refused_links = 1;
  return status;
}

TEST(StatusJson, IsTheGoldenFile) {
  const std::string golden = std::string{BP2P_SOURCE_DIR} + "/tests/unit/daemon/control/status.golden.json";
  const std::string written = status_json(example()).dump(2) + "\n";
  if (std::getenv("BP2P_REWRITE")) std::ofstream{golden} << written;
  std::ostringstream stored;
  stored << std::ifstream{golden}.rdbuf();
  EXPECT_EQ(stored.str(), written) << "keys are only ever added; BP2P_REWRITE=1 writes the file anew";
}

TEST(StatusJson, IsWholeForADaemonThatDoesNothing) {
  const auto json = status_json({});
  for (const char* key : {"nodes", "links", "channels", "trying", "udp"}) EXPECT_TRUE(json.at(key).empty()) << key;
  EXPECT_EQ(json.at("schema"), "barrel-p2pd/status/1");
}

TEST(StatusJson, NamesWhatIsPinnedToAPeerWithoutNodes) {
  DaemonStatus status = example();
  status.pinned[LinkId{11}] = {name_of("app@db3")};
  const auto json = status_json(status);
  EXPECT_EQ(json["links"][1]["pinned"], nlohmann::json::array({"app@db3"}));
}

TEST(StatusJson, DividesByNoPackets) {
  DaemonStatus status = example();
  status.links[0].packets_sent = 0;
  EXPECT_EQ(status_json(status)["links"][0]["loss"], 0.0);
}

}  // namespace
}  // namespace bp2p::control
