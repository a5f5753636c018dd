#include "daemon/control/overlay_view.h"

#include "daemon/control/recent_events.h"
#include "tests/unit/daemon/control/example.h"

namespace bp2p::control {
namespace {

using json = nlohmann::ordered_json;
using Life = membership::Suspicions::Status;

TEST(PeersJson, IsTheGoldenFile) { expect_golden("peers.golden.json", peers_json(example())); }
TEST(GraphJson, IsTheGoldenFile) { expect_golden("graph.golden.json", graph_json(example())); }

TEST(MembersJson, IsTheGoldenFile) {
  expect_golden("members.golden.json",
                members_json({.alive = 2, .suspected = 1, .down = 1, .left = 1},
                             {{.key = key_of(9), .names = {name_of("app@db1")}, .status = Life::alive, .is_self = true},
                              {.key = key_of(4), .names = {}, .status = Life::suspected},
                              {.key = key_of(3), .names = {name_of("z@db9")}, .status = Life::down},
                              {.key = key_of(2), .names = {name_of("app@db3"), name_of("batch@db3")}, .status = Life::left},
                              {.key = key_of(5), .names = {name_of("app@db2")}, .status = Life::alive}}));
}

TEST(PeerJson, IsTheGoldenFile) {
  PeerStatus peer;
  peer.daemons = {{.key = key_of(5), .names = {name_of("app@db2")}, .addresses = {address_of("10.0.0.6:9100")},
                   .as_member = Life::suspected},
                  {.key = key_of(2), .names = {name_of("app@db2")}, .addresses = {}, .as_member = {}}};
  peer.trying = {.name = name_of("app@db2"), .last_error = "10.0.0.7:9100: no answer", .failures = 3, .next_try_in = 4s};
  const WallTime at{1'772'366'400'123};
  peer.attempts = {{.at = at, .address = {}, .phase = AttemptPhase::look_up, .result = "nobody knows an address", .code = "unknown_node"},
                   {.at = at + 1s, .address = address_of("10.0.0.7:9100"), .phase = AttemptPhase::udp, .result = "no answer",
                    .code = "unreachable"},
                   {.at = at + 7s, .address = address_of("10.0.0.6:9100"), .phase = AttemptPhase::trust, .result = "linked", .code = {}}};
  expect_golden("peer.golden.json", peer_json("app@db2", peer, example()));
}

TEST(OverlayViews, AreWholeForADaemonThatIsAlone) {
  EXPECT_TRUE(peers_json({})["peers"].empty());
  EXPECT_TRUE(graph_json({})["neighbours"].empty());
  EXPECT_TRUE(graph_json({})["self"]["names"].empty());
  EXPECT_TRUE(members_json({}, {})["members"].empty());
  EXPECT_TRUE(peer_json("a@b", {}, {})["trying"].is_null());
}

TEST(OverlayViews, ShowTheAdmittedOneOfTwoLinks) {
  DaemonStatus status = example();
  status.core.links.insert(status.core.links.begin(), {.link = {3}, .key = key_of(5), .address = address_of("10.0.0.8:1"), .names = {}});
  EXPECT_EQ(peers_json(status)["peers"][0]["link"], 9);
  EXPECT_EQ(peers_json(status)["peers"].size(), peers_json(example())["peers"].size());
}

TEST(RecentEvents, AreTheLastOnesOfLevelInfoAndAbove) {
  RecentEvents events;
  events.add(Severity::debug, R"({"event":"a.b"})");
  EXPECT_TRUE(events.json()["events"].empty());
  for (int i = 0; i < 300; ++i) events.add(Severity::info, json{{"event", "n"}, {"i", i}}.dump());
  events.add(Severity::error, "not json");
  const json shown = events.json();
  EXPECT_EQ(shown["schema"], "barrel-p2pd/events/1");
  EXPECT_EQ(shown["events"].size(), RecentEvents::kept_max - 1);
  EXPECT_EQ(shown["events"].back()["i"], 299);
}

}  // namespace
}  // namespace bp2p::control
