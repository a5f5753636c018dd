#include "daemon/files/state_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;
using Of = StateLock::Of;

/// Another process, which holds the lock until it is killed.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& state_dir) {
    int ready[2];
    if (::pipe(ready) != 0) throw std::runtime_error{"no pipe"};
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto lock = StateLock::take(state_dir, Of::state_dir);
      const char said = lock ? 'y' : 'n';
      if (::write(ready[1], &said, 1) == 1)
        for (;;) ::pause();
      ::_exit(1);
    }
    char said = 0;
    holds_ = ::read(ready[0], &said, 1) == 1 && said == 'y';
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }
  bool holds() const { return holds_; }
  pid_t pid() const { return pid_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
  bool holds_;
};

struct StateLocks : ::testing::Test {
  TemporaryDirectory here_;
};

TEST_F(StateLocks, AreHeldByOneProcess) {
  const Holder first{here_.path()};
  ASSERT_TRUE(first.holds());
  const auto second = StateLock::take(here_.path(), Of::state_dir);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().text, here_.path().string() + ": another daemon (pid " + std::to_string(first.pid()) +
                                     ") runs with this directory; stop it, or give this one its own (host.state_dir)");
  EXPECT_EQ(file_text(here_ / "daemon.lock"), std::to_string(first.pid()) + "\n") << "the second wrote into it";
}

TEST_F(StateLocks, AreFreeWhenTheirProcessIsKilled) {
  Holder first{here_.path()};
  ASSERT_TRUE(first.holds());
  first.kill();
  EXPECT_TRUE(StateLock::take(here_.path(), Of::state_dir));
  EXPECT_EQ(file_text(here_ / "daemon.lock"), std::to_string(::getpid()) + "\n");
}

TEST_F(StateLocks, AreFreeWhenTheyAreLetGoAndLeaveTheirFile) {
  { EXPECT_TRUE(StateLock::take(here_.path(), Of::state_dir)); }
  struct stat status {};
  ASSERT_EQ(::stat((here_ / "daemon.lock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_TRUE(StateLock::take(here_.path(), Of::state_dir));
}

TEST_F(StateLocks, NameNoPidThatIsNone) {
  const Holder first{here_.path()};
  for (const char* text : {"", "x\n", "12", "-3\n", "0\n", "99999999999999999999\n", "7\n8\n"}) {
    write_text(here_ / "daemon.lock", text);
    const auto second = StateLock::take(here_.path(), Of::state_dir);
    ASSERT_FALSE(second) << text;
    EXPECT_THAT(second.error().text, HasSubstr(": another daemon runs with this directory")) << text;
  }
}

TEST_F(StateLocks, OfADirectoryThatIsBothAreTwo) {  // key_dir == state_dir
  const auto state = StateLock::take(here_.path(), Of::state_dir);
  const auto identity = StateLock::take(here_.path(), Of::key_dir);
  ASSERT_TRUE(state && identity);
  const auto second = StateLock::take(here_.path(), Of::key_dir);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, HasSubstr("runs with the identity in this directory"));
}

TEST_F(StateLocks, AreNotTakenWhereThereIsNoFileToHold) {
  EXPECT_THAT(StateLock::take(here_ / "none", Of::state_dir).error().text, EndsWith("lock: cannot be opened: No such file or directory"));
  std::filesystem::create_symlink("/dev/null", here_ / "daemon.lock");
  EXPECT_FALSE(StateLock::take(here_.path(), Of::state_dir));
}

}  // namespace
}  // namespace bp2p
