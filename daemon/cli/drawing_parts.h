// What drawings of the overlay have in common.
#pragma once
#include <string>

#include "daemon/cli/view.h"

namespace bp2p::cli {

/// The beginning of a daemon's key: of one without nodes there is no other name.
inline std::string short_key(const json& daemon) { return text(member(daemon, "fingerprint")).substr(0, 15) + "…"; }

/// The nodes' names; of a daemon without any, the beginning of its key.
inline std::string label_of(const json& daemon) {
  return list(daemon, "names").empty() ? short_key(daemon) : names_of(daemon);
}

/// In the quotes of a DOT string.
inline std::string in_dot(const std::string& label) {
  std::string out;
  for (const char c : label) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return "\"" + out + "\"";
}

inline std::string in_xml(const std::string& label) {
  std::string out;
  for (const char c : label) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace bp2p::cli
