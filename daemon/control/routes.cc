#include "daemon/control/routes.h"

#include <algorithm>
#include <array>

namespace bp2p::control {
namespace {

struct Route {
  std::string_view path;
  bool changes;
};
constexpr std::array routes{
    Route{"/v1/status", false}, Route{"/v1/peers", false},  Route{"/v1/members", false}, Route{"/v1/graph", false},
    Route{"/v1/graph/cluster", false}, Route{"/v1/events", false}, Route{"/v1/join", true}, Route{"/v1/leave", true},
};
constexpr std::string_view one_peer = "/v1/peers/";

std::string all_paths() {
  std::string paths;
  for (const Route& route : routes) paths += (paths.empty() ? "" : ", ") + std::string{route.path};
  return paths + ", /v1/peers/NODE";
}

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// A value of `a=1&b&c=2`; empty for one without; none when it is not there.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view each = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), each.size() + 1));
    if (each == name) return "";
    if (each.starts_with(name) && each.substr(name.size()).starts_with('=')) return each.substr(name.size() + 1);
  }
  return std::nullopt;
}

constexpr std::string_view who_is_meant = "a node name, app@host, an address with a port, 10.0.0.6:9100, or a fingerprint, SHA256:…";
constexpr std::string_view what_is_joined = "a node name, app@host, or an address with a port, 10.0.0.6:9100";

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto first = digit(text[i + 1]), second = digit(text[i + 2]);
    if (!first || !second) return std::nullopt;
    out += static_cast<char>(*first * 16 + *second);
    i += 2;
  }
  return out;
}

Answer refusal(unsigned status, std::string text) {
  return {.status = status,
          .body = {{"schema", "barrel-p2pd/error/1"}, {"error", {{"status", status}, {"text", std::move(text)}}}}};
}

Answer Routes::answer(const Request& request) const {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  const auto route = std::ranges::find(routes, path, &Route::path);
  const bool is_peer = path.starts_with(one_peer) && path.size() > one_peer.size();
  if (route == routes.end() && !is_peer) return refusal(404, "no such path; there are " + all_paths());
  const bool changes = !is_peer && route->changes;
  const bool fits = changes ? request.method == "POST" : request.method == "GET" || request.method == "HEAD";
  if (!fits) {
    Answer answer = refusal(405, std::string{"this path answers "} + (changes ? "POST" : "GET"));
    answer.allow = changes ? "POST" : "GET, HEAD";
    return answer;
  }
  if (changes && !may_change(request.caller, subject_.uid, subject_.admin_group))
    return refusal(403, "only root, the daemon's user and members of the group " + std::string{admin_group_name} + " may do this");
  return found(path, request);
}

Answer Routes::found(std::string_view path, const Request& request) const {
  if (path == "/v1/status") return {.body = subject_.status()};
  if (path == "/v1/peers") return {.body = subject_.peers()};
  if (path == "/v1/members") return {.body = subject_.members()};
  if (path == "/v1/graph") return {.body = subject_.graph()};
  if (path == "/v1/graph/cluster") return {.later = subject_.cluster_graph};
  if (path == "/v1/leave") return {.body = subject_.leave()};
  if (path == "/v1/join") return join(request);
  if (path == "/v1/events")
    return events(request.target.substr(std::min(request.target.size(), path.size() + 1)));
  return peer(path.substr(one_peer.size()));
}

Answer Routes::peer(std::string_view word) const {
  const auto whom = percent_decoded(word);
  const bool may_be = whom && (NodeName::parse(*whom) || Address::parse(*whom) || whom->starts_with("SHA256:"));
  if (!may_be) return refusal(400, "after /v1/peers/ comes " + std::string{who_is_meant});
  auto found = subject_.peer(*whom);
  if (!found) return refusal(404, *whom + ": nothing is known of it here, and nothing was tried");
  return {.body = std::move(*found)};
}

Answer Routes::events(std::string_view query) const {
  const auto level = parameter(query, "level");
  if (!parameter(query, "follow")) return {.body = subject_.events()};
  for (const auto& [word, severity] : {std::pair{"debug", Severity::debug}, std::pair{"info", Severity::info},
                                       std::pair{"warning", Severity::warning}, std::pair{"error", Severity::error}})
    if (level.value_or("info") == word) return {.follows = severity};
  return refusal(400, "level is debug, info, warning or error");
}

Answer Routes::join(const Request& request) const {
  const auto body = nlohmann::json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("contact") || !body["contact"].is_string())
    return refusal(400, "the body has to be like {\"contact\": \"app@db2\"}");
  const auto text = body["contact"].get<std::string>();
  if (auto name = NodeName::parse(text)) return {.status = 202, .body = subject_.join(std::move(*name))};
  if (const auto address = Address::parse(text)) return {.status = 202, .body = subject_.join(*address)};
  return refusal(400, "contact: " + text + " is not " + std::string{what_is_joined});
}

}  // namespace bp2p::control
