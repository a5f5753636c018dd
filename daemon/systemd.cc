#include "daemon/systemd.h"

#include <cstdlib>
#include <map>

#ifdef BP2P_SYSTEMD
#include <fcntl.h>
#include <systemd/sd-daemon.h>
#endif

namespace bp2p::systemd {

#ifdef BP2P_SYSTEMD
namespace {

// A failed notification is not worth a line: systemd is gone or never was, and nothing depends on it.
void tell(const std::string& state) { sd_notify(0, state.c_str()); }

/// Read once: sd_listen_fds_with_names takes the variables out of the environment, so that children do not see them.
std::map<std::string, int, std::less<>>& passed() {
  static auto sockets = [] {
    std::map<std::string, int, std::less<>> found;
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; ++i) {
      found.emplace(names[i], SD_LISTEN_FDS_START + i);
      free(names[i]);
    }
    if (count >= 0) free(names);
    return found;
  }();
  return sockets;
}

}  // namespace

void notify_ready(const std::string& status) { tell("READY=1\nSTATUS=" + status); }
void notify_stopping() { tell("STOPPING=1"); }
void notify_status(const std::string& status) { tell("STATUS=" + status); }
void notify_watchdog() { tell("WATCHDOG=1"); }

std::optional<Duration> watchdog_period() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds{microseconds} / 2;
}

std::optional<int> take_listen_fd(std::string_view name) {
  auto& sockets = passed();
  const auto found = sockets.find(name);
  if (found == sockets.end()) return std::nullopt;
  const int fd = found->second;
  sockets.erase(found);
  if (const int flags = fcntl(fd, F_GETFL); flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return fd;  // sd_listen_fds has set close-on-exec
}

#else

void notify_ready(const std::string&) {}
void notify_stopping() {}
void notify_status(const std::string&) {}
void notify_watchdog() {}
std::optional<Duration> watchdog_period() { return std::nullopt; }
std::optional<int> take_listen_fd(std::string_view) { return std::nullopt; }

#endif

}  // namespace bp2p::systemd
