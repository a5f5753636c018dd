#include "daemon/discovery/own_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "daemon/discovery/endpoint_file.h"
#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

const NodeName a = NodeName::parse("a@db1").value(), b = NodeName::parse("b@db1").value();
const std::string here_text = "{\"10.0.0.5\", 9100}.\n", there_text = "{\"10.0.0.9\", 9100}.\n";

struct OurFiles : ::testing::Test {
  void set(OwnFiles& files, OwnFiles::Wanted wanted) {
    files.set(std::move(wanted));
    ASSERT_TRUE(files.wait(10s));
  }
  std::string trouble() {
    const std::lock_guard lock{mutex_};
    return troubles_.empty() ? "" : troubles_.back();
  }
  std::filesystem::path file(const NodeName& name) const { return endpoint_file(directory_, name); }

  TemporaryDirectory here_;
  std::filesystem::path directory_ = here_ / "shared";
  std::mutex mutex_;
  std::vector<std::string> troubles_;
  const OwnFiles::Trouble note_ = [this](const std::string& text) {
    const std::lock_guard lock{mutex_};
    troubles_.push_back(text);
  };
};

TEST_F(OurFiles, AreThereAsLongAsTheNodesAre) {
  OwnFiles files{directory_, note_};
  set(files, {{a, here_text}, {b, here_text}});
  EXPECT_EQ(file_text(file(a)), here_text);
  EXPECT_EQ(file_text(file(b)), here_text);
  const auto mode = std::filesystem::status(file(a)).permissions();
  EXPECT_EQ(mode, std::filesystem::perms{0644}) << "daemons of other hosts may be other users";
  set(files, {{b, here_text}});
  EXPECT_FALSE(std::filesystem::exists(file(a)));
  EXPECT_TRUE(std::filesystem::exists(file(b)));
  set(files, {});
  EXPECT_TRUE(std::filesystem::is_empty(directory_)) << "nothing is left behind";
  EXPECT_EQ(trouble(), "");
}

TEST_F(OurFiles, AreWrittenOverWhatACrashLeftThere) {
  std::filesystem::create_directory(directory_);
  write_text(file(a), there_text);
  OwnFiles files{directory_, note_};
  set(files, {{a, here_text}});
  EXPECT_EQ(file_text(file(a)), here_text);
}

TEST_F(OurFiles, StayWhenAnotherDaemonHasWrittenThemMeanwhile) {
  OwnFiles files{directory_, note_};
  set(files, {{a, here_text}});
  write_text(file(a), there_text);
  set(files, {});
  EXPECT_EQ(file_text(file(a)), there_text);
}

TEST_F(OurFiles, FollowTheAddress) {
  OwnFiles files{directory_, note_};
  set(files, {{a, here_text}});
  set(files, {{a, there_text}});
  EXPECT_EQ(file_text(file(a)), there_text);
}

TEST_F(OurFiles, AreTriedAgainWhenTheDirectoryCannotBeWritten) {
  directory_ = here_ / "not" / "mounted";
  OwnFiles files{directory_, note_, 1ms};
  set(files, {{a, here_text}});
  EXPECT_THAT(trouble(), HasSubstr("not/mounted/a@db1.endpoint: cannot be created"));
  std::filesystem::create_directory(here_ / "not");
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!std::filesystem::exists(file(a)) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(file_text(file(a)), here_text);
}

}  // namespace
}  // namespace bp2p
