#include "daemon/net/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace bp2p {
namespace {

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::unexpected<std::string> wrong(const std::filesystem::path& path, const std::string& what) {
  return std::unexpected(path.string() + ": " + what);
}
std::unexpected<std::string> failed(const std::filesystem::path& path, const std::string& what, int error = errno) {
  return wrong(path, what + ": " + std::generic_category().message(error));
}

std::expected<sockaddr_un, std::string> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)  // the last byte ends the text
    return wrong(path, "is too long for a Unix socket, which may have 107 bytes");
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

/// Somebody answers there, or something lies there that is not ours to remove.
std::expected<void, std::string> make_room(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, "cannot be looked at");
  }
  if (!S_ISSOCK(status.st_mode)) return wrong(path, "there is something that is not a socket");
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  const Socket probe;
  if (!probe) return failed(path, "cannot tell whether a daemon is there");
  const int answer = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  // A daemon whose queue is full (EAGAIN) is alive.
  if (answer == 0 || errno == EAGAIN || errno == EINPROGRESS) return wrong(path, "another daemon answers there");
  if (errno != ECONNREFUSED && errno != ENOENT) return failed(path, "cannot tell whether a daemon is there");
  return {};
}

std::expected<void, std::string> make_directory(const std::filesystem::path& directory, std::optional<gid_t> group) {
  constexpr mode_t mode = 0750;
  std::error_code error;
  if (directory.empty() || std::filesystem::exists(directory, error)) return {};
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), error);
  if (error) return failed(directory, "cannot be made", error.value());
  if (::mkdir(directory.c_str(), mode) != 0) {
    if (errno == EEXIST) return {};
    return failed(directory, "cannot be made");
  }
  if (group && ::chown(directory.c_str(), static_cast<uid_t>(-1), *group) != 0)
    return failed(directory, "cannot be given to its group");
  // The umask may have taken away what the group needs.
  if (::chmod(directory.c_str(), mode) != 0) return failed(directory, "cannot be given its mode");
  return {};
}

/// Between bind() and the mode, the file goes by its path: nobody else may be able to put another one there. Where the
/// sticky bit is set (/tmp), only its owner moves or removes a file.
std::expected<void, std::string> check_directory(const std::filesystem::path& directory) {
  const std::filesystem::path place = directory.empty() ? "." : directory;
  struct stat status {};
  if (::stat(place.c_str(), &status) != 0) return failed(place, "cannot be looked at");
  if ((status.st_mode & 022) != 0 && (status.st_mode & S_ISVTX) == 0)
    return wrong(place, "can be written by others than its owner, who could put a socket of theirs there; chmod go-w "
                        "makes it right");
  return {};
}

}  // namespace

std::expected<UnixListener, std::string> listen_at(const std::filesystem::path& path,
                                                   const UnixSocketOptions& options) {
  if (auto room = make_room(path); !room) return std::unexpected(room.error());
  if (auto made = make_directory(path.parent_path(), options.group); !made) return std::unexpected(made.error());
  if (auto good = check_directory(path.parent_path()); !good) return std::unexpected(good.error());
  const std::filesystem::path beside = path.native() + ".new";
  const auto address = address_of(beside);
  if (!address) return std::unexpected(address.error());
  Socket socket;
  if (!socket) return failed(path, "cannot be made");
  ::unlink(beside.c_str());  // of a start that ended in between
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return failed(path, "cannot be made");
  const auto give_up = [&](const std::string& what) {
    const int error = errno;
    ::unlink(beside.c_str());
    return failed(path, what, error);
  };
  // Nobody can connect before listen(), and then the mode is right. Group first: chown takes no bits of a socket's mode.
  if (options.group && ::lchown(beside.c_str(), static_cast<uid_t>(-1), *options.group) != 0)
    return give_up("cannot be given to its group");
  if (::chmod(beside.c_str(), options.mode) != 0) return give_up("cannot be given its mode");
  struct stat status {};
  if (::lstat(beside.c_str(), &status) != 0) return give_up("cannot be looked at");
  if (::listen(socket.get(), options.backlog) != 0) return give_up("cannot listen");
  if (::rename(beside.c_str(), path.c_str()) != 0) return give_up("cannot be put in place");
  return UnixListener{.fd = socket.release(), .path = path, .device = status.st_dev, .inode = status.st_ino};
}

void remove_file(const UnixListener& listener) {
  struct stat status {};
  if (::lstat(listener.path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && status.st_dev == listener.device &&
      status.st_ino == listener.inode)
    ::unlink(listener.path.c_str());
}

}  // namespace bp2p
