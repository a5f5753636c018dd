#include "daemon/control/cluster_view.h"

#include "tests/unit/daemon/control/example.h"

namespace bp2p::control {
namespace {

using Answer = Crawl::Answer;
using Life = membership::Suspicions::Status;
using json = nlohmann::ordered_json;

ClusterGraph::Daemon daemon(std::uint8_t seed, std::vector<std::uint8_t> neighbours, Answer answer = Answer::given) {
  ClusterGraph::Daemon made{.key = key_of(seed), .names = {name_of("app@db" + std::to_string(seed))}, .answer = answer,
                            .as_member = Life::alive, .neighbours = {}};
  for (const std::uint8_t each : neighbours) made.neighbours.push_back(key_of(each));
  return made;
}

/// A ring of four with one that is silent, one link that only db3 has, a daemon without nodes, and one nobody may ask.
ClusterGraph example_graph() {
  ClusterGraph graph{.members = 8, .took = 2010ms,
                     .daemons = {daemon(3, {2, 4, 1}), daemon(2, {1, 3}), daemon(1, {2, 4}), daemon(4, {}, Answer::none),
                                 daemon(5, {6}), daemon(6, {5, 7}), daemon(7, {}, Answer::not_asked)}};
  graph.daemons[0].names.push_back(name_of("batch@db3"));
  graph.daemons[2].is_self = true;
  graph.daemons[2].as_member.reset();
  graph.daemons[3].as_member = Life::suspected;
  graph.daemons[5].names.clear();
  return graph;
}

TEST(ClusterGraphJson, IsTheGoldenFile) { expect_golden("cluster_graph.golden.json", cluster_graph_json(example_graph(), "default")); }

TEST(ClusterGraphJson, CountsWhatHangsTogether) {
  const json counts = cluster_graph_json(example_graph(), "default")["counts"];
  EXPECT_EQ(counts["daemons"], 7);
  EXPECT_EQ(counts["answered"], 5);
  EXPECT_EQ(counts["links"], 7);
  EXPECT_EQ(counts["one_sided"], 1);
  EXPECT_EQ(counts["components"], 2);
  EXPECT_EQ(counts["longest_distance"], 2) << "the one-sided link is no way";
}

TEST(ClusterGraphJson, OfOneDaemonAloneIsOneComponent) {
  ClusterGraph alone{.members = 1, .took = 0ms, .daemons = {daemon(1, {})}};
  const json graph = cluster_graph_json(alone, "default");
  EXPECT_EQ(graph["counts"]["components"], 1);
  EXPECT_EQ(graph["counts"]["longest_distance"], 0);
  EXPECT_TRUE(graph["links"].empty());
}

TEST(ClusterGraphJson, TakesSilentOnesThatNobodyNamesForNoComponent) {
  const ClusterGraph graph{.members = 3, .took = 0ms, .daemons = {daemon(1, {2}), daemon(2, {1}), daemon(3, {}, Answer::none)}};
  EXPECT_EQ(cluster_graph_json(graph, "default")["counts"]["components"], 1);
}

}  // namespace
}  // namespace bp2p::control
