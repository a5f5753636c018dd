// `barrel-p2pd graph` in its formats, made from the JSON that the daemon gave.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace bp2p::cli {

std::string graph_text(const nlohmann::ordered_json& graph);
/// An undirected graph in Graphviz's language.
std::string graph_dot(const nlohmann::ordered_json& graph);
/// This daemon in the middle, its neighbours around it.
std::string graph_svg(const nlohmann::ordered_json& graph);

}  // namespace bp2p::cli
