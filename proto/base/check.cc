#include "proto/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bp2p {

// stderr and not the log: proto/ has none, and a process about to abort trusts nothing else.
void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace bp2p
