// What the control socket answers, as a function from a request to an answer. No sockets here.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/control/caller.h"
#include "proto/core/core.h"

namespace bp2p::control {

struct Request {
  std::string_view method;
  std::string_view target;  ///< path and query as they came
  std::string_view body{};
  Caller caller{};
};

struct Answer {
  unsigned status = 200;            ///< HTTP
  nlohmann::ordered_json body{};    ///< an object with a "schema"
  std::string allow{};              ///< with 405: the methods that there are
  std::optional<Severity> follows{};  ///< instead of a body: every event of at least this severity, as it happens
  /// Instead of a body: what brings it. It calls what it is given once, at once or within seconds.
  std::function<void(std::function<void(nlohmann::ordered_json)>)> later{};
};

/// The daemon, as far as the control socket goes. Each is called for every request that asks for it.
struct Subject {
  using json = nlohmann::ordered_json;
  std::function<json()> status, peers, members, graph, events;
  /// None: nothing is known of that one.
  std::function<std::optional<json>(std::string_view whom)> peer;
  std::function<json(const JoinTarget&)> join;
  std::function<json()> leave;
  /// Takes seconds.
  std::function<void(std::function<void(json)> done)> cluster_graph{};
  std::uint32_t uid = 0;  ///< the daemon's own
  std::optional<std::uint32_t> admin_group{};
};

class Routes {
 public:
  explicit Routes(Subject subject) : subject_(std::move(subject)) {}

  Answer answer(const Request& request) const;

 private:
  Answer found(std::string_view path, const Request& request) const;
  Answer peer(std::string_view word) const;
  Answer events(std::string_view query) const;
  Answer join(const Request& request) const;

  Subject subject_;
};

/// `{"schema":"barrel-p2pd/error/1","error":{"status":404,"text":"…"}}`
Answer refusal(unsigned status, std::string text);

/// `app%40db1` -> `app@db1`. None: a `%` without two digits after it.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace bp2p::control
