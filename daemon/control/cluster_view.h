// The whole cluster's overlay: `barrel-p2pd graph --cluster`. Keys are added to, never renamed; they are documented in
// docs/operations.md.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

#include "proto/core/status.h"

namespace bp2p::control {

/// Schema `barrel-p2pd/cluster_graph/1`: daemons in the order of their first names, each link between two of them once, and
/// what shape they make.
nlohmann::ordered_json cluster_graph_json(const ClusterGraph& graph, std::string_view cluster);

}  // namespace bp2p::control
