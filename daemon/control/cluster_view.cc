#include "daemon/control/cluster_view.h"

#include <map>
#include <set>

#include "daemon/control/json_parts.h"
#include "daemon/control/overlay_view.h"
#include "daemon/crypto.h"

namespace bp2p::control {
namespace {

const char* word_of(Crawl::Answer answer) {
  switch (answer) {
    case Crawl::Answer::given: return "given";
    case Crawl::Answer::none: return "none";
    case Crawl::Answer::not_asked: return "not_asked";
  }
  return "none";
}

/// Between two daemons, by their places in the list.
struct Edge {
  std::size_t from, to;
  std::optional<bool> is_one_sided;  ///< `to` does not say so; none: it has not answered
};

/// In the order of the list. The end that says so is `from`; if both do, the earlier.
std::vector<Edge> edges_of(const std::vector<ClusterGraph::Daemon>& daemons) {
  std::map<PublicKey, std::size_t> places;
  for (std::size_t i = 0; i < daemons.size(); ++i) places.emplace(daemons[i].key, i);
  std::set<std::pair<std::size_t, std::size_t>> said;
  for (std::size_t i = 0; i < daemons.size(); ++i)
    for (const PublicKey& key : daemons[i].neighbours)
      if (const auto place = places.find(key); place != places.end()) said.emplace(i, place->second);
  std::vector<Edge> edges;
  for (const auto& [from, to] : said) {
    const bool is_said_by_both = said.contains({to, from});
    if (is_said_by_both && to < from) continue;
    Edge edge{from, to, false};
    if (!is_said_by_both) edge.is_one_sided = daemons[to].answer == Crawl::Answer::given ? std::optional{true} : std::nullopt;
    edges.push_back(edge);
  }
  return edges;
}

/// Of those that answered and of their neighbours; a link that one side does not have carries nothing.
struct Shape {
  std::size_t components = 0;
  std::size_t longest_distance = 0;  ///< from one that answered
};

Shape shape_of(const std::vector<ClusterGraph::Daemon>& daemons, const std::vector<Edge>& edges) {
  std::vector<std::vector<std::size_t>> next(daemons.size());
  for (const Edge& edge : edges) {
    if (edge.is_one_sided == true) continue;
    next[edge.from].push_back(edge.to);
    next[edge.to].push_back(edge.from);
  }
  Shape shape;
  std::vector<bool> is_seen(daemons.size());
  for (std::size_t start = 0; start < daemons.size(); ++start) {
    if (daemons[start].answer != Crawl::Answer::given) continue;
    if (!is_seen[start]) ++shape.components;
    std::vector<std::size_t> queue{start};
    std::vector<std::size_t> distance(daemons.size(), daemons.size());
    distance[start] = 0;
    for (std::size_t at = 0; at < queue.size(); ++at) {
      for (const std::size_t to : next[queue[at]]) {
        if (distance[to] < daemons.size()) continue;
        distance[to] = distance[queue[at]] + 1;
        queue.push_back(to);
      }
    }
    for (const std::size_t each : queue) is_seen[each] = true;
    shape.longest_distance = std::max(shape.longest_distance, distance[queue.back()]);
  }
  return shape;
}

}  // namespace

json cluster_graph_json(const ClusterGraph& graph, std::string_view cluster) {
  std::vector<ClusterGraph::Daemon> daemons = graph.daemons;
  std::ranges::stable_sort(daemons, names_before, &ClusterGraph::Daemon::names);
  const std::vector<Edge> edges = edges_of(daemons);
  const Shape shape = shape_of(daemons, edges);
  json out = {{"schema", "barrel-p2pd/cluster_graph/1"}, {"cluster", cluster}, {"took_ms", in_ms(graph.took)}};
  out["counts"] = {{"members", graph.members},
                   {"daemons", daemons.size()},
                   {"answered", std::ranges::count(daemons, Crawl::Answer::given, &ClusterGraph::Daemon::answer)},
                   {"links", edges.size()},
                   {"one_sided", std::ranges::count(edges, std::optional{true}, &Edge::is_one_sided)},
                   {"components", shape.components},
                   {"longest_distance", shape.longest_distance}};
  json& list = out["daemons"] = json::array();
  for (const ClusterGraph::Daemon& each : daemons)
    list.push_back({{"fingerprint", fingerprint(each.key)},
                    {"names", names_json(each.names)},
                    {"self", each.is_self},
                    {"answer", word_of(each.answer)},
                    {"member", each.as_member ? json(word_of(*each.as_member)) : json(nullptr)}});
  json& links = out["links"] = json::array();
  for (const Edge& edge : edges)
    links.push_back({{"from", list[edge.from]["fingerprint"]},
                     {"to", list[edge.to]["fingerprint"]},
                     {"one_sided", edge.is_one_sided ? json(*edge.is_one_sided) : json(nullptr)}});
  return out;
}

}  // namespace bp2p::control
