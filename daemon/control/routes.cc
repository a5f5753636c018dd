#include "daemon/control/routes.h"

namespace bp2p::control {

Answer refusal(unsigned status, std::string text) {
  return {.status = status,
          .body = {{"schema", "barrel-p2pd/error/1"}, {"error", {{"status", status}, {"text", std::move(text)}}}},
          .allow = ""};
}

Answer Routes::answer(std::string_view method, std::string_view target) const {
  const std::string_view path = target.substr(0, target.find('?'));
  if (path != "/v1/status") return refusal(404, "no such path; there is /v1/status");
  if (method != "GET" && method != "HEAD") {
    Answer answer = refusal(405, "this path answers GET");
    answer.allow = "GET, HEAD";
    return answer;
  }
  return {.status = 200, .body = status_(), .allow = ""};
}

}  // namespace bp2p::control
