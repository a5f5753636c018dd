#include "daemon/net/unix_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

class UnixSocket : public ::testing::Test {
 protected:
  ~UnixSocket() override {
    for (const int fd : open_) ::close(fd);
  }
  UnixListener listen(const UnixSocketOptions& options = {}) {
    auto listener = listen_at(path_, options);
    if (!listener) throw std::runtime_error{listener.error()};
    open_.insert(listener->fd);
    return *listener;
  }
  std::string error() {
    const auto listener = listen_at(path_, {});
    if (listener) open_.insert(listener->fd);
    return listener ? "" : listener.error();
  }
  /// A client's socket; `errno` says why it could not connect.
  bool can_connect() {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    open_.insert(fd);
    const sockaddr_un address = address_of(path_);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  struct stat status_of(const std::filesystem::path& file) const {
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) throw std::runtime_error{file.string() + " is not there"};
    return status;
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& each : std::filesystem::directory_iterator{here_.path()}) names.insert(each.path().filename());
    return names;
  }

  TemporaryDirectory here_;
  std::filesystem::path path_ = here_ / "a.sock";
  std::set<int> open_;
};

TEST_F(UnixSocket, TakesConnectionsAndLeavesNothingBesideIt) {
  const UnixListener listener = listen();
  EXPECT_TRUE(can_connect());
  EXPECT_EQ(files(), std::set<std::string>{"a.sock"});
  EXPECT_NE(::fcntl(listener.fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(listener.fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(UnixSocket, HasTheModeThatWasAskedForWhateverTheUmask) {
  for (const mode_t umask : {0000, 0022, 0177, 0777}) {
    const mode_t before = ::umask(umask);
    const UnixListener listener = listen({.mode = 0660});
    ::umask(before);
    EXPECT_EQ(status_of(path_).st_mode & 07777, 0660u) << umask;
    remove_file(listener);
  }
}

TEST_F(UnixSocket, BelongsToItsGroupAndSoDoesTheDirectoryThatIsMadeForIt) {
  const gid_t group = ::geteuid() == 0 ? 12345 : ::getegid();
  path_ = here_ / "deep/er/a.sock";
  listen({.mode = 0660, .group = group});
  EXPECT_EQ(status_of(path_).st_gid, group);
  EXPECT_EQ(status_of(path_).st_mode & 07777, 0660u);
  EXPECT_EQ(status_of(here_ / "deep/er").st_gid, group);
  EXPECT_EQ(status_of(here_ / "deep/er").st_mode & 07777, 0750u);
}

TEST_F(UnixSocket, LeavesADirectoryThatIsThereAsItIs) {
  std::filesystem::create_directory(here_ / "there");
  ::chmod((here_ / "there").c_str(), 0701);
  path_ = here_ / "there/a.sock";
  listen({.mode = 0660, .group = ::getegid()});
  EXPECT_EQ(status_of(here_ / "there").st_mode & 07777, 0701u);
}

TEST_F(UnixSocket, IsNotMadeWhereOthersCouldPutOneOfTheirs) {
  std::filesystem::create_directory(here_ / "open");
  path_ = here_ / "open/a.sock";
  for (const mode_t mode : {0777, 0772, 0720}) {
    ::chmod((here_ / "open").c_str(), mode);
    EXPECT_THAT(error(), HasSubstr("open: can be written by others than its owner")) << mode;
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
  ::chmod((here_ / "open").c_str(), 01777);
  EXPECT_EQ(error(), "") << "like /tmp";
}

TEST_F(UnixSocket, ReplacesOneThatNobodyAnswersOn) {
  ::close(*open_.insert(listen().fd).first);
  open_.clear();
  EXPECT_FALSE(can_connect());
  listen();
  EXPECT_TRUE(can_connect());
}

TEST_F(UnixSocket, ReplacesWhatAStartThatEndedInBetweenLeft) {
  write_text(here_ / "a.sock.new", "left");
  listen();
  EXPECT_EQ(files(), std::set<std::string>{"a.sock"});
}

TEST_F(UnixSocket, LeavesALivingDaemonAlone) {
  listen();
  EXPECT_THAT(error(), HasSubstr("a.sock: another daemon answers there"));
  EXPECT_TRUE(can_connect());
}

TEST_F(UnixSocket, LeavesADaemonAloneThatIsTooBusyToAnswer) {
  listen({.backlog = 0});
  while (can_connect()) ASSERT_LT(open_.size(), 100u);
  ASSERT_EQ(errno, EAGAIN) << "its queue is full";
  EXPECT_THAT(error(), HasSubstr("another daemon answers there"));
}

TEST_F(UnixSocket, LeavesWhatIsNotASocketAlone) {
  write_text(path_, "precious");
  EXPECT_THAT(error(), HasSubstr("there is something that is not a socket"));
  EXPECT_EQ(file_text(path_), "precious");
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("/dev/null", path_);
  EXPECT_THAT(error(), HasSubstr("there is something that is not a socket"));
}

TEST_F(UnixSocket, IsNotMadeUnderANameThatIsTooLong) {
  path_ = here_ / std::string(110, 'x');
  EXPECT_THAT(error(), HasSubstr("too long for a Unix socket"));
  EXPECT_EQ(files(), std::set<std::string>{});
}

TEST_F(UnixSocket, SaysWhyItCannotBeMade) {
  write_text(here_ / "file", "");
  path_ = here_ / "file/a.sock";
  EXPECT_THAT(error(), StartsWith(path_.string() + ": "));
  EXPECT_THAT(error(), HasSubstr("Not a directory"));
}

TEST_F(UnixSocket, LeavesNoDescriptorBehindWhenItCannotBeMade) {
  const int before = ::dup(0);
  ::close(before);
  path_ = here_ / std::string(104, 'x');
  error();
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(after, before);
}

TEST_F(UnixSocket, RemovesItsOwnFileAndNotItsSuccessors) {
  const UnixListener first = listen();
  std::filesystem::rename(path_, here_ / "old.sock");
  const UnixListener second = listen();
  remove_file(first);
  EXPECT_TRUE(can_connect());
  remove_file(second);
  EXPECT_FALSE(std::filesystem::exists(path_));
  write_text(path_, "another's");
  remove_file(second);
  EXPECT_EQ(file_text(path_), "another's");
}

}  // namespace
}  // namespace bp2p
