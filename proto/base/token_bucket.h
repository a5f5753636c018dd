// So many at once, so many a second: the limit on what strangers can make us do.
#pragma once
#include <algorithm>
#include <cstdint>

#include "proto/base/now.h"

namespace bp2p {

class TokenBucket {
 public:
  /// Full at first: `burst` at once, `per_second` after that. Both above 0.
  constexpr TokenBucket(double burst, double per_second) : tokens_(burst), burst_(burst), per_second_(per_second) {}

  /// Takes one if there is one.
  constexpr bool take(TimePoint now) {
    if (now > filled_at_) {
      if (filled_at_ != TimePoint{}) {
        const double seconds = std::chrono::duration<double>(now - filled_at_).count();
        tokens_ = std::min(burst_, tokens_ + seconds * per_second_);
      }
      filled_at_ = now;
    }
    if (tokens_ < 1.0) return false;
    tokens_ -= 1.0;
    return true;
  }

 private:
  double tokens_, burst_, per_second_;
  TimePoint filled_at_{};
};

}  // namespace bp2p
