// Owns everything the daemon is made of, connects it, and runs it until it is told to stop.
#pragma once
#include "daemon/cli/cli.h"

namespace bp2p {

/// `barrel-p2pd run`: the process's exit code. Comes back after SIGTERM or SIGINT, within 2 s.
int run_daemon(const RunOptions& options);

}  // namespace bp2p
