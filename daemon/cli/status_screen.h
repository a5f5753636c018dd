// `barrel-p2pd status` as one screen, made from the JSON that the daemon gave. Whatever is missing there shows as `-`.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace bp2p::cli {

std::string status_screen(const nlohmann::ordered_json& status);

}  // namespace bp2p::cli
