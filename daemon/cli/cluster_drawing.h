// `barrel-p2pd graph --cluster` in its formats, made from the JSON that the daemon gave.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace bp2p::cli {

/// A line for each daemon, with its neighbours.
std::string cluster_text(const nlohmann::ordered_json& graph);
/// An undirected graph in Graphviz's language; an arrow is a link that only one side has.
std::string cluster_dot(const nlohmann::ordered_json& graph);
/// All on a circle, in the order of their names.
std::string cluster_svg(const nlohmann::ordered_json& graph);

}  // namespace bp2p::cli
