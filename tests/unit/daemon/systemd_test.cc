#include "daemon/systemd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

#ifdef BP2P_SYSTEMD

using testing::TemporaryDirectory;

/// systemd's end of the notification socket.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = here_ / "notify";
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }
  /// What was said; a datagram is there when the call that sent it has returned.
  std::string heard() {
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    return got < 0 ? "" : std::string(buffer, static_cast<std::size_t>(got));
  }

 private:
  TemporaryDirectory here_;
  int fd_;
};

TEST(Systemd, HearsWhatTheDaemonDoes) {
  Manager manager;
  systemd::notify_ready("2 nodes");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=2 nodes");
  systemd::notify_status("3 nodes");
  EXPECT_EQ(manager.heard(), "STATUS=3 nodes");
  systemd::notify_watchdog();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  systemd::notify_stopping();
  EXPECT_EQ(manager.heard(), "STOPPING=1");
}

TEST(Systemd, IsNotMissedWhereItIsNot) {
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  systemd::notify_ready("");
  EXPECT_EQ(systemd::watchdog_period(), std::nullopt);
}

TEST(Systemd, WantsASignOfLifeTwicePerWatchdogTime) {
  ::setenv("WATCHDOG_USEC", "20000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(systemd::watchdog_period(), Duration{std::chrono::seconds{10}});
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(systemd::watchdog_period(), std::nullopt);
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

TEST(Systemd, PassesASocketByItsNameOnce) {
  const pid_t child = ::fork();  // passed sockets are number 3 and up, whatever this process has there
  if (child == 0) {
    const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ::dup2(listening, 4);
    ::dup2(listening, 3);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", "other:node", 1);
    if (systemd::take_listen_fd("none")) ::_exit(1);
    const auto node = systemd::take_listen_fd("node");
    if (node != 4) ::_exit(2);
    if ((::fcntl(*node, F_GETFD) & FD_CLOEXEC) == 0 || (::fcntl(*node, F_GETFL) & O_NONBLOCK) == 0) ::_exit(3);
    if (systemd::take_listen_fd("node")) ::_exit(4);
    if (::getenv("LISTEN_FDS")) ::_exit(5);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

#else

TEST(Systemd, IsNotMissedWhereItIsNot) {
  systemd::notify_ready("");
  EXPECT_EQ(systemd::watchdog_period(), std::nullopt);
  EXPECT_EQ(systemd::take_listen_fd("node"), std::nullopt);
}

#endif

}  // namespace
}  // namespace bp2p
