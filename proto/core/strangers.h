// Who may cause a line in the log without being admitted: each source address one a minute, and only so many
// addresses are remembered. What is not said is counted.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "proto/base/address.h"
#include "proto/base/now.h"
#include "proto/wire/limits.h"

namespace bp2p {

class Strangers {
 public:
  bool may_cause_a_line(const Address& source, TimePoint now) {
    if (const auto found = said_.find(source.ip); found != said_.end()) {
      if (now - found->second < limits::stranger_line_every) return refuse();
      found->second = now;
      return true;
    }
    if (said_.size() >= limits::strangers_max) forget_old(now);
    if (said_.size() >= limits::strangers_max) return refuse();
    said_.emplace(source.ip, now);
    return true;
  }
  std::uint64_t unsaid() const { return unsaid_; }

 private:
  bool refuse() {
    ++unsaid_;
    return false;
  }
  // At most once per line_every, so that a full table does not make each refusal a walk over it.
  void forget_old(TimePoint now) {
    if (walked_ && now - *walked_ < limits::stranger_line_every) return;
    walked_ = now;
    std::erase_if(said_, [&](const auto& entry) { return now - entry.second >= limits::stranger_line_every; });
  }

  std::map<std::array<std::byte, 16>, TimePoint> said_;  // ordered: strangers choose the keys
  std::optional<TimePoint> walked_;
  std::uint64_t unsaid_ = 0;
};

}  // namespace bp2p
