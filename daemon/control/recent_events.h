// The last events of level info and above, for who asks later what happened.
#pragma once
#include <deque>
#include <nlohmann/json.hpp>
#include <string>

#include "proto/core/effects.h"

namespace bp2p::control {

class RecentEvents {
 public:
  static constexpr std::size_t kept_max = 256;

  /// `json` is a line of the log as it is with format json.
  void add(Severity severity, const std::string& json) {
    if (severity < Severity::info) return;
    if (kept_.size() >= kept_max) kept_.pop_front();
    kept_.push_back(json);
  }
  /// Schema `barrel-p2pd/events/1`, the oldest first.
  nlohmann::ordered_json json() const {
    nlohmann::ordered_json out{{"schema", "barrel-p2pd/events/1"}, {"events", nlohmann::ordered_json::array()}};
    for (const std::string& line : kept_) {
      auto event = nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (event.is_object()) out["events"].push_back(std::move(event));
    }
    return out;
  }

 private:
  std::deque<std::string> kept_;
};

}  // namespace bp2p::control
