// Our own nodes' files in the shared directory: written when a node attaches, removed when it leaves and at a clean stop,
// unless another daemon has written the file meanwhile (the node moved).
#pragma once
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

class OwnFiles {
 public:
  /// Text of the file by name of the node.
  using Wanted = std::map<NodeName, std::string>;
  using Trouble = std::function<void(const std::string& text)>;

  /// A thread of its own does the work, so that a file system that hangs stops nothing else. `trouble` is called on it when
  /// files cannot be written; that is tried again after `again`.
  OwnFiles(std::filesystem::path directory, Trouble trouble, Duration again = std::chrono::seconds{10});
  /// Waits for the thread, however long the file system takes.
  ~OwnFiles();

  /// The files there should be from now on; only the last call counts.
  void set(Wanted wanted);
  /// Until the last set() is done or has failed; false: it is still at it when the time is over.
  bool wait(Duration time);

 private:
  void work(const std::stop_token& stop);
  /// The first thing that went wrong, or nothing.
  std::string make_so(const Wanted& wanted);

  const std::filesystem::path directory_;
  const Trouble trouble_;
  const Duration again_;
  Wanted written_;  // the thread's

  std::mutex mutex_;
  std::condition_variable_any changed_;
  Wanted wanted_;
  std::uint64_t asked_ = 0, done_ = 0;
  std::jthread thread_;
};

}  // namespace bp2p
