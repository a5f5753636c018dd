// What the control socket answers, as a function from a request's method and path to an answer. No sockets here.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace bp2p::control {

struct Answer {
  unsigned status = 200;            ///< HTTP
  nlohmann::ordered_json body;      ///< an object with a "schema"
  std::string allow;                ///< with 405: the methods that there are
};

class Routes {
 public:
  using View = std::function<nlohmann::ordered_json()>;
  /// `status` is called for every GET /v1/status.
  explicit Routes(View status) : status_(std::move(status)) {}

  Answer answer(std::string_view method, std::string_view target) const;

 private:
  View status_;
};

/// `{"schema":"barrel-p2pd/error/1","error":{"status":404,"text":"…"}}`
Answer refusal(unsigned status, std::string text);

}  // namespace bp2p::control
