// One event as a line of text, as in the log.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace bp2p::cli {

std::string event_line(const nlohmann::ordered_json& event);

}  // namespace bp2p::cli
