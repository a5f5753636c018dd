// The operator's own program that knows where nodes are: the node's name in, addresses out.
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/discovery/found.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

/// May be used from several threads at once.
class CommandHook {
 public:
  static constexpr std::size_t output_bytes_max = 4096;

  /// `command`: the program's path and its first arguments.
  CommandHook(std::vector<std::string> command, Duration time);
  ~CommandHook();
  CommandHook(const CommandHook&) = delete;
  CommandHook& operator=(const CommandHook&) = delete;

  /// Runs the program with the node's name as its last argument, without a shell, in a process group of its own, with
  /// standard input empty and our environment less systemd's variables. Blocks until it ends; when the time is over, or it
  /// prints more than 4 KiB, it is killed, with its group.
  ///
  /// Each line of its output is `ADDRESS:PORT`. An exit code other than 0 says that it does not know. What it says on
  /// standard error is in `trouble`, its first 1 KiB.
  Found find(const NodeName& name) const;

  /// Kills what runs and waits until it is gone, at most `time`. From now on find() comes back at once with nothing.
  void stop(Duration time);

 private:
  Found run(const NodeName& name) const;
  const std::vector<std::string> command_;
  const Duration time_;
  int stop_fd_;  // an eventfd: readable once stopped
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  mutable std::size_t running_ = 0;
  bool is_stopped_ = false;
};

}  // namespace bp2p
