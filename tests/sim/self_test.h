// Shows that each checker can fail: something is broken on purpose, and that promise's checker has to notice.
#pragma once
#include <string>

namespace bp2p::sim {
/// 0 when every breakage was noticed by its checker, and nothing was when nothing was broken.
int self_test(const std::string& scenarios);
}  // namespace bp2p::sim
