// I6: nodeup and nodedown strictly alternate per observer and peer; the creation changes.
#pragma once
#include <map>
#include <set>
#include <tuple>

#include "tests/sim/world.h"

namespace bp2p::sim {

class Alternate final : public Check {
 public:
  using Check::Check;

  void on_attached(const Node& node, bool is_first) override {
    auto& given = creations_[node.name()];
    if (is_first && !given.insert(node.creation()).second)
      world_.violated("I6", node.name().text() + " was started anew and has the creation " + std::to_string(node.creation()) + " of a start before");
    if (!is_first && !given.contains(node.creation()))
      world_.violated("I6", node.name().text() + " came back to its daemon and was given another creation than is in its pids");
  }
  void on_node_up(const Node& observer, const NodeName& peer, std::uint32_t) override {
    if (!up_.insert({observer.name(), observer.starts(), peer}).second)
      world_.violated("I6", observer.name().text() + " hears nodeup of " + peer.text() + " twice");
  }
  void on_node_down(const Node& observer, const NodeName& peer) override {
    if (up_.erase({observer.name(), observer.starts(), peer}) == 0)
      world_.violated("I6", observer.name().text() + " hears nodedown of " + peer.text() + " without nodeup");
  }

 private:
  std::map<NodeName, std::set<std::uint32_t>> creations_;
  std::set<std::tuple<NodeName, unsigned, NodeName>> up_;
};

}  // namespace bp2p::sim
