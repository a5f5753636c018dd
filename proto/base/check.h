// BP2P_CHECK stops the daemon when our own code is wrong. It is on in release builds too: links and
// nodes reconnect to a restarted daemon, while a daemon that goes on with broken state harms them.
// A peer, a file or a user being wrong is never a check; it is a value that someone decides about.
#pragma once

namespace bp2p {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace bp2p

#define BP2P_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::bp2p::check_failed(#condition, __FILE__, __LINE__))
