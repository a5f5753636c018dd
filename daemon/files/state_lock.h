// One daemon per state directory: two with one identity, one boot epoch and one set of pins would undo each other.
#pragma once
#include <expected>
#include <filesystem>

#include "daemon/files/whole_file.h"

namespace bp2p {

/// Holds state_dir/lock, in which its process writes its pid. The kernel lets go of it when the process ends, however
/// it ends; the file stays.
class StateLock {
 public:
  /// The error says who holds it. Nothing is changed then.
  static std::expected<StateLock, FileError> take(const std::filesystem::path& state_dir);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace bp2p
