#include "daemon/control/status_view.h"

#include "tests/unit/daemon/control/example.h"

namespace bp2p::control {
namespace {

TEST(StatusJson, IsTheGoldenFile) { expect_golden("status.golden.json", status_json(example())); }

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
