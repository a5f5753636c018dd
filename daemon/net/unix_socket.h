// A listening Unix socket: the node socket's and the control socket's way into the file system and out of it.
#pragma once
#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>

namespace bp2p {

struct UnixSocketOptions {
  mode_t mode = 0600;
  std::optional<gid_t> group{};  ///< of the file, and of its directory should that be made here
  int backlog = 128;
};

struct UnixListener {
  int fd;  ///< non-blocking, close-on-exec; the caller's
  std::filesystem::path path;
  dev_t device;
  ino_t inode;
};

/// Listens at `path`. The file is made under another name, given its mode and group, and renamed into place, so that
/// nobody meets a socket that is half made. One that nobody answers on is replaced; where somebody does, or where
/// something lies that is not a socket, nothing is touched. A directory that is missing is made with mode 0750;
/// one that group or others may write, and that is not sticky, is an error.
/// The error is one sentence that begins with the path.
std::expected<UnixListener, std::string> listen_at(const std::filesystem::path& path, const UnixSocketOptions& options);

/// Removes the file, if it is still the listener's own. Its fd stays as it is.
void remove_file(const UnixListener& listener);

}  // namespace bp2p
