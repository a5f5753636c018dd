#include "daemon/files/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

namespace bp2p {
namespace {

/// ` (pid 71)`, as the holder has written it. Empty: it has not yet.
std::string holder(int fd) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  if (size <= 0) return "";
  int pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, pid);
  const std::string_view rest{end, static_cast<std::size_t>(text.data() + size - end)};
  return error == std::errc{} && pid > 0 && rest == "\n" ? " (pid " + std::to_string(pid) + ")" : "";
}

}  // namespace

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<StateLock, FileError> StateLock::take(const std::filesystem::path& directory, Of of) {
  const bool is_state = of == Of::state_dir;
  const auto file = directory / (is_state ? "daemon.lock" : "identity.lock");
  const auto failed = [&](const std::string& what) {
    return std::unexpected(FileError{file.string() + ": " + what + ": " + std::generic_category().message(errno)});
  };
  // A child that outlived us would keep the lock, hence close-on-exec.
  StateLock lock{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
  if (lock.fd_ < 0) return failed("cannot be opened");
  while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return failed("cannot be locked");
    return std::unexpected(FileError{directory.string() + ": another daemon" + holder(lock.fd_) +
                                     (is_state ? " runs with this directory; stop it, or give this one its own (host.state_dir)"
                                               : " runs with the identity in this directory; stop it, or give this one "
                                                 "its own (auth.key_dir)")});
  }
  // For people and for the sentence above alone: that it cannot be written is no reason not to run.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.fd_, 0) == 0) std::ignore = ::pwrite(lock.fd_, pid.data(), pid.size(), 0);
  return lock;
}

}  // namespace bp2p
