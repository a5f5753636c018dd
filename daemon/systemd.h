// What the daemon tells systemd and gets from it. Without libsystemd, or outside a unit, every call does nothing.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/now.h"

namespace bp2p::systemd {

void notify_ready(const std::string& status);
void notify_stopping();
/// The line that `systemctl status` shows.
void notify_status(const std::string& status);
void notify_watchdog();

/// How often notify_watchdog() is due (half of WatchdogSec=); none: no watchdog is set.
std::optional<Duration> watchdog_period();

/// The listening socket that a unit passed under this name (FileDescriptorName=), close-on-exec and non-blocking.
/// The caller owns it from here; a second call for the same name gives none.
std::optional<int> take_listen_fd(std::string_view name);

}  // namespace bp2p::systemd
