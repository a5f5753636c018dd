#include "daemon/discovery/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <future>
#include <thread>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

const NodeName app = NodeName::parse("app@db2").value();

bool becomes_true(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

struct Command : ::testing::Test {
  /// A program that is a shell script.
  std::vector<std::string> script(std::string_view text) {
    const auto file = here_ / "find-node";
    write_text(file, "#!/bin/sh\n" + std::string{text} + "\n");
    std::filesystem::permissions(file, std::filesystem::perms{0755});
    return {file.string(), "--zone", "a b"};
  }
  Found find(std::string_view text, Duration time = 10s) { return CommandHook{script(text), time}.find(app); }
  /// An orphan may be a zombie for as long as its new parent likes.
  static bool is_gone(const std::string& pid) {
    const std::string stat = file_text("/proc/" + pid + "/stat");
    return stat.empty() || stat.substr(stat.rfind(')')).starts_with(") Z");
  }
  /// What a script that says so has written as its pid, and that of a child of its.
  void expect_all_gone() {
    std::istringstream pids{file_text(here_ / "pids")};
    std::size_t count = 0;
    for (std::string pid; pids >> pid; ++count) EXPECT_TRUE(becomes_true([&] { return is_gone(pid); })) << pid;
    EXPECT_EQ(count, 2u);
  }
  std::string hanging() const {
    const std::string pids = (here_ / "pids").string();
    return "sleep 1000 & echo $$ $! >" + pids + ".new; mv " + pids + ".new " + pids + "; wait";
  }
  TemporaryDirectory here_;
};

TEST_F(Command, GetsTheNameAsItsLastArgumentAndPrintsAddresses) {
  const Found found = find("[ \"$#,$1,$2,$3\" = \"3,--zone,a b,app@db2\" ] || exit 1\n"
                           "echo 10.0.0.6:9100; echo; echo ' [::1]:9101 '; echo 10.0.0.6:9100; printf 10.0.0.7:1");
  EXPECT_EQ(found.addresses, (std::vector{*Address::parse("10.0.0.6:9100"), *Address::parse("[::1]:9101"), *Address::parse("10.0.0.7:1")}));
  EXPECT_EQ(found.trouble, "");
}

TEST_F(Command, HandsTheNameToNoShell) {
  const auto evil = NodeName::parse("$(touch${IFS}x);`y`@db2|&\"'").value();
  const CommandHook hook{script("printf '%s' \"$3\" >" + (here_ / "name").string()), 10s};
  hook.find(evil);
  EXPECT_EQ(file_text(here_ / "name"), evil.text());
}

TEST_F(Command, SaysWithItsExitCodeThatItDoesNotKnow) {
  const Found found = find("echo 10.0.0.6:9100; exit 3");
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_EQ(found.trouble, "");
  EXPECT_TRUE(find("exit 0").addresses.empty());
}

TEST_F(Command, HasWhatItSaysOnStandardErrorLogged) {
  const Found found = find("echo 10.0.0.6:9100; echo the catalogue is old >&2");
  EXPECT_EQ(found.addresses.size(), 1u);
  EXPECT_THAT(found.trouble, EndsWith("/find-node says: the catalogue is old"));
  const Found much = find("yes | head -c 1000000 >&2; echo 10.0.0.6:9100");
  EXPECT_EQ(much.addresses.size(), 1u) << "it does not stand still";
  EXPECT_THAT(much.trouble, HasSubstr("says: y\ny\n"));
  EXPECT_LT(much.trouble.size(), 1200u);
}

TEST_F(Command, IsComplainedOfWhenALineIsNoAddress) {
  const Found found = find("echo db2:9100; echo 10.0.0.6:9100");
  EXPECT_EQ(found.addresses.size(), 1u);
  EXPECT_THAT(found.trouble, EndsWith("expected lines like 10.0.0.6:9100, got db2:9100"));
  EXPECT_TRUE(find("echo 10.0.0.6:0").addresses.empty());
}

TEST_F(Command, IsComplainedOfWhenItCannotBeRunOrDies) {
  EXPECT_THAT((CommandHook{{"/nowhere/find-node"}, 10s}.find(app).trouble), HasSubstr("/nowhere/find-node: cannot be run: No such file"));
  EXPECT_THAT(find("kill -SEGV $$").trouble, EndsWith("ended by signal 11"));
}

TEST_F(Command, IsKilledWithItsChildrenWhenItTakesTooLong) {
  const Found found = find(hanging(), 500ms);
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_THAT(found.trouble, HasSubstr("killed, for it did not answer for app@db2 within 500 ms"));
  expect_all_gone();
}

TEST_F(Command, IsKilledWhenItPrintsTooMuch) {
  const Found found = find("while :; do echo 10.0.0.6:9100; done");
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_THAT(found.trouble, HasSubstr("more than 4096 bytes"));
}

TEST_F(Command, DoesNotWaitForAChildThatKeepsItsOutputOpen) {
  const Found found = find("echo 10.0.0.6:9100; sleep 1000 & echo $$ $! >" + (here_ / "pids").string());
  EXPECT_EQ(found.addresses.size(), 1u);
  EXPECT_EQ(found.trouble, "");
  expect_all_gone();
}

TEST_F(Command, IsKilledWhenTheDaemonStops) {
  CommandHook hook{script(hanging()), 100s};
  auto found = std::async(std::launch::async, [&] { return hook.find(app); });
  ASSERT_TRUE(becomes_true([&] { return std::filesystem::exists(here_ / "pids"); }));
  hook.stop(10s);
  EXPECT_TRUE(found.get().addresses.empty());
  expect_all_gone();
  EXPECT_TRUE(hook.find(app).addresses.empty()) << "nor is it run again";
}

TEST_F(Command, HasNoneOfOurDescriptorsNorOfSystemdsVariables) {
  ASSERT_EQ(::setenv("NOTIFY_SOCKET", "/run/x", 1), 0);
  ASSERT_EQ(::setenv("LISTEN_FDS", "2", 1), 0);
  ASSERT_EQ(::setenv("FIND_NODE_TOKEN", "t", 1), 0);
  const int leaky = ::dup2(0, 77);  // without O_CLOEXEC
  const std::string said = (here_ / "said").string();
  find("{ ls /proc/self/fd; env; trap; cat; } >" + said);
  const std::string text = file_text(said);
  EXPECT_THAT(text, HasSubstr("FIND_NODE_TOKEN=t"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("NOTIFY_SOCKET")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("LISTEN_FDS")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("77")));
  ::close(leaky);
  for (const char* variable : {"NOTIFY_SOCKET", "LISTEN_FDS", "FIND_NODE_TOKEN"}) ::unsetenv(variable);
}

}  // namespace
}  // namespace bp2p
