// `barrel-p2pd peers`, `peers NODE` and `members` as text, made from the JSON that the daemon gave.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace bp2p::cli {

std::string peers_screen(const nlohmann::ordered_json& peers);
std::string peer_screen(const nlohmann::ordered_json& peer);
std::string members_screen(const nlohmann::ordered_json& members);
/// The table of attempts of `peers NODE`.
std::string attempts_table(const nlohmann::ordered_json& attempts);

}  // namespace bp2p::cli
