// One daemon per state directory, and one per identity: two with one identity, one boot epoch and one set of pins
// would undo each other. The two may be one directory, and have other locks in it (daemon/files/trusted_keys.cc).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>

#include "daemon/files/whole_file.h"

namespace bp2p {

/// Holds state_dir/daemon.lock or key_dir/identity.lock, in which its process writes its pid. The kernel lets go of it
/// when the process ends, however it ends; the file stays.
class StateLock {
 public:
  enum class Of : std::uint8_t { state_dir, key_dir };
  /// The error says who holds it. Nothing is changed then.
  static std::expected<StateLock, FileError> take(const std::filesystem::path& directory, Of of);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace bp2p
