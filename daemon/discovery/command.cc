#include "daemon/discovery/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "daemon/clock.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace {

constexpr std::size_t error_bytes_max = 1024;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;
};
Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);  // our end alone
  return {Fd{ends[0]}, Fd{ends[1]}};
}

/// What comes out of a pipe, up to a size.
struct Output {
  Fd from;
  std::size_t bytes_max = 0;
  std::string text = {};
  bool is_over = false;  ///< more than that came

  void take() {
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return from.close();
      const std::size_t room = bytes_max - text.size();
      is_over |= static_cast<std::size_t>(got) > room;
      text.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
      if (is_over) return;
    }
  }
};

/// A program in a process group of its own.
class Child {
 public:
  /// 0 or an errno.
  int start(const std::vector<std::string>& words, int out, int err) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (const int error = ::posix_spawn_file_actions_init(&files)) return error;
    if (const int error = ::posix_spawnattr_init(&attributes)) {
      ::posix_spawn_file_actions_destroy(&files);
      return error;
    }
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, out, 1);
    ::posix_spawn_file_actions_adddup2(&files, err, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
    // We ignore SIGPIPE, and our threads block signals: neither is for the program to inherit.
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> argv, environment;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    // It is not the service: it must not say that it is ready, nor take the service's sockets.
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string_view entry{*each};
      if (!entry.starts_with("NOTIFY_SOCKET=") && !entry.starts_with("LISTEN_") && !entry.starts_with("WATCHDOG_"))
        environment.push_back(*each);
    }
    environment.push_back(nullptr);
    const int error = ::posix_spawn(&pid_, argv.front(), &files, &attributes, argv.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) return error;
    ended_ = Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};  // glibc 2.41 declares pidfd_open() for C alone
    return 0;
  }
  /// Readable once it has ended.
  int ended_fd() const { return ended_.get(); }
  /// Ends what is left of the group (its number is not given away while the program is not waited for), and says how the
  /// program ended, as waitpid does.
  int end() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

 private:
  pid_t pid_ = -1;
  Fd ended_;
};

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

CommandHook::CommandHook(std::vector<std::string> command, Duration time)
    : command_(std::move(command)), time_(time), stop_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (stop_fd_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
}

CommandHook::~CommandHook() { ::close(stop_fd_); }

void CommandHook::stop(Duration time) {
  ::eventfd_write(stop_fd_, 1);
  std::unique_lock lock{mutex_};
  is_stopped_ = true;
  ended_.wait_for(lock, time, [&] { return running_ == 0; });
}

Found CommandHook::find(const NodeName& name) const {
  {
    const std::lock_guard lock{mutex_};
    if (is_stopped_) return {};
    ++running_;
  }
  Found found = run(name);
  const std::lock_guard lock{mutex_};
  --running_;
  ended_.notify_all();
  return found;
}

Found CommandHook::run(const NodeName& name) const {
  const std::string& program = command_.front();
  const auto trouble = [&](const std::string& what) { return Found{.addresses = {}, .trouble = program + ": " + what}; };
  std::vector<std::string> words = command_;
  words.push_back(name.text());

  Pipe out_pipe = make_pipe(), err_pipe = make_pipe();
  if (out_pipe.read.get() < 0 || err_pipe.read.get() < 0) return trouble("no pipe: " + std::generic_category().message(errno));
  Output out{.from = std::move(out_pipe.read), .bytes_max = output_bytes_max};
  Output err{.from = std::move(err_pipe.read), .bytes_max = error_bytes_max};
  Child child;
  if (const int error = child.start(words, out_pipe.write.get(), err_pipe.write.get()))
    return trouble("cannot be run: " + std::generic_category().message(error));
  out_pipe.write.close();
  err_pipe.write.close();

  const TimePoint deadline = steady_now() + time_;
  bool is_late = false, is_stopped = false;
  for (;;) {
    const Duration left = deadline - steady_now();
    if (left <= Duration{0}) {
      is_late = true;
      break;
    }
    std::array<pollfd, 4> fds{pollfd{child.ended_fd(), POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0},
                              pollfd{out.from.get(), POLLIN, 0}, pollfd{err.from.get(), POLLIN, 0}};
    const int wait_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    if (::poll(fds.data(), fds.size(), wait_ms) < 0 && errno != EINTR) break;
    if (out.from.get() >= 0 && fds[2].revents != 0) out.take();
    // What does not fit is read all the same, or the program would stand still.
    if (err.from.get() >= 0 && fds[3].revents != 0) err.take();
    is_stopped = (fds[1].revents & POLLIN) != 0;
    if (is_stopped || out.is_over || (fds[0].revents & POLLIN) != 0) break;
    if (child.ended_fd() < 0 && out.from.get() < 0) break;  // a kernel without pidfd: the end of the output will do
  }
  if (!is_late && !is_stopped) {  // what was written just before the end
    if (out.from.get() >= 0) out.take();
    if (err.from.get() >= 0) err.take();
  }
  const int status = child.end();
  if (is_stopped) return {};
  if (is_late)
    return trouble("killed, for it did not answer for " + name.text() + " within " +
                   std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time_).count()) + " ms");
  if (out.is_over) return trouble("killed, for it printed more than " + std::to_string(output_bytes_max) + " bytes for " + name.text());

  Found found;
  if (const auto said = trimmed(err.text); !said.empty()) found.trouble = program + " says: " + std::string{said};
  if (WIFSIGNALED(status)) return trouble("ended by signal " + std::to_string(WTERMSIG(status)));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return found;
  for (std::string_view rest = out.text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    const auto address = Address::parse(line);
    if (!address || address->port == 0)
      found.trouble = program + ": expected lines like 10.0.0.6:9100, got " + std::string{line.substr(0, 200)};
    else if (found.addresses.size() < limits::addresses_per_name_max && !std::ranges::contains(found.addresses, *address))
      found.addresses.push_back(*address);
  }
  return found;
}

}  // namespace bp2p
