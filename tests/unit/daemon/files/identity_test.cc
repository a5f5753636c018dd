#include "daemon/files/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "daemon/files/boot_epoch.h"
#include "daemon/files/reset_key.h"
#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::string trouble(const std::filesystem::path& key_dir) {
  const auto keys = load_or_make_identity(key_dir);
  return keys ? "it was accepted" : keys.error().text;
}

std::size_t entries(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{directory}, {}));
}

TEST(Identity, IsMadeAtTheFirstStartAndTheSameAtEveryOther) {
  const TemporaryDirectory here;
  const auto made = load_or_make_identity(here / "state/keys");
  ASSERT_TRUE(made) << made.error().text;
  const auto again = load_or_make_identity(here / "state/keys");
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(made->public_key(), again->public_key());
  EXPECT_EQ(read_own_public_key(here / "state/keys").value(), made->public_key());
}

TEST(Identity, IsOneOfItsOwn) {
  const TemporaryDirectory here;
  EXPECT_NE(load_or_make_identity(here / "a")->public_key(), load_or_make_identity(here / "b")->public_key());
}

TEST(Identity, KeepsItsSecretToItself) {  // I25
  const TemporaryDirectory here;
  const mode_t before = ::umask(0);
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  ::umask(before);
  EXPECT_EQ(mode_of(here / "keys"), 0700u);
  EXPECT_EQ(mode_of(here / "keys/node.key"), 0600u);
  EXPECT_EQ(file_text(here / "keys/node.key").size(), 32u);
  EXPECT_EQ(file_text(here / "keys/node.pub").size(), 32u);
  EXPECT_EQ(entries(here / "keys"), 2u) << "something temporary stayed behind";
}

TEST(Identity, WritesAMissingPublicKeyAgain) {  // a first start that ended between the two files
  const TemporaryDirectory here;
  const auto made = load_or_make_identity(here / "keys");
  std::filesystem::remove(here / "keys/node.pub");
  const auto again = load_or_make_identity(here / "keys");
  ASSERT_TRUE(again);
  EXPECT_EQ(read_own_public_key(here / "keys").value(), made->public_key());
}

TEST(Identity, IsNotReplacedWhenItsSecretIsGone) {
  const TemporaryDirectory here;
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  std::filesystem::remove(here / "keys/node.key");
  EXPECT_THAT(trouble(here / "keys"), HasSubstr("is missing, but node.pub is there"));
  EXPECT_FALSE(std::filesystem::exists(here / "keys/node.key"));
}

TEST(Identity, IsRefusedTruncatedAtEachByteAndOneByteTooLong) {
  const TemporaryDirectory here;
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  for (const char* name : {"keys/node.key", "keys/node.pub"}) {
    const std::string whole = file_text(here / name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_text(here / name, whole.substr(0, size));
      EXPECT_THAT(trouble(here / "keys"), HasSubstr("has " + std::to_string(size) + " bytes")) << name;
    }
    write_text(here / name, whole + "x");
    EXPECT_THAT(trouble(here / "keys"), HasSubstr("has 33 bytes")) << name;
    write_text(here / name, whole);
  }
  EXPECT_TRUE(load_or_make_identity(here / "keys"));
}

TEST(Identity, IsRefusedWithAnyBitOfThePublicKeyFlipped) {
  const TemporaryDirectory here;
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  const std::string whole = file_text(here / "keys/node.pub");
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_text(here / "keys/node.pub", flipped);
    EXPECT_THAT(trouble(here / "keys"), HasSubstr("does not belong to node.key"));
  }
}

TEST(Identity, IsRefusedWhenOthersMayReadIt) {
  const TemporaryDirectory here;
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610}) {
    ASSERT_EQ(::chmod((here / "keys/node.key").c_str(), mode), 0);
    EXPECT_THAT(trouble(here / "keys"), HasSubstr("chmod 600")) << mode;
  }
}

TEST(Identity, IsRefusedInADirectoryThatOthersMayWrite) {
  const TemporaryDirectory here;
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  ASSERT_EQ(::chmod((here / "keys").c_str(), 0770), 0);
  EXPECT_THAT(trouble(here / "keys"), HasSubstr("can be written by others"));
}

TEST(Identity, IsRefusedWhenItIsNotAFile) {
  const TemporaryDirectory here;
  ASSERT_TRUE(load_or_make_identity(here / "keys"));
  std::filesystem::rename(here / "keys/node.key", here / "elsewhere");
  std::filesystem::create_symlink(here / "elsewhere", here / "keys/node.key");
  EXPECT_THAT(trouble(here / "keys"), HasSubstr("is a symbolic link"));
  std::filesystem::remove(here / "keys/node.key");
  std::filesystem::create_directory(here / "keys/node.key");
  EXPECT_THAT(trouble(here / "keys"), HasSubstr("is a directory, not a file"));
  std::filesystem::remove(here / "keys/node.key");
  ASSERT_EQ(::mkfifo((here / "keys/node.key").c_str(), 0600), 0);
  EXPECT_THAT(trouble(here / "keys"), HasSubstr("is not a regular file"));
}

TEST(WholeFiles, AreNotReplacedWhereTheyMustStay) {
  const TemporaryDirectory here;
  ASSERT_TRUE(write_whole(here / "a", as_bytes("one"), 0600, Existing::keep));
  EXPECT_FALSE(write_whole(here / "a", as_bytes("two"), 0600, Existing::keep));
  EXPECT_EQ(file_text(here / "a"), "one");
  ASSERT_TRUE(write_whole(here / "a", as_bytes("two"), 0640, Existing::replace));
  EXPECT_EQ(file_text(here / "a"), "two");
  EXPECT_EQ(mode_of(here / "a"), 0640u);
  EXPECT_EQ(entries(here.path()), 1u);
}

TEST(WholeFiles, AreNotReadBeyondTheirBound) {
  const TemporaryDirectory here;
  write_text(here / "a", "12345");
  EXPECT_EQ(read_whole(here / "a", 5).value()->bytes.size(), 5u);
  EXPECT_FALSE(read_whole(here / "a", 4));
  EXPECT_EQ(read_whole(here / "none", 4).value(), std::nullopt);
}

// --- numbers and secrets that outlive the process -----------------------------------------------------

TEST(BootEpoch, GrowsAtEveryStartEvenWhenTheClockGoesBack) {
  const TemporaryDirectory here;
  EXPECT_EQ(next_boot_epoch(here.path(), WallTime{1000}).value(), 1000u);
  EXPECT_EQ(next_boot_epoch(here.path(), WallTime{1000}).value(), 1001u);
  EXPECT_EQ(next_boot_epoch(here.path(), WallTime{5}).value(), 1002u);
  EXPECT_EQ(next_boot_epoch(here.path(), WallTime{-5}).value(), 1003u);
  EXPECT_EQ(next_boot_epoch(here.path(), WallTime{5000}).value(), 5000u);
}

TEST(BootEpoch, IsAnErrorWhereNoNumberIs) {
  const TemporaryDirectory here;
  for (const char* text : {"", "1", "x\n", "1\n2\n", "-1\n", " 1\n", "18446744073709551615\n",
                           "18446744073709551616\n"}) {
    write_text(here / "boot_epoch", text);
    EXPECT_FALSE(next_boot_epoch(here.path(), WallTime{1000})) << text;
    EXPECT_EQ(file_text(here / "boot_epoch"), text);
  }
}

TEST(ResetKey, OutlivesTheProcess) {
  const TemporaryDirectory here;
  const auto made = load_or_make_reset_key(here.path());
  ASSERT_TRUE(made);
  EXPECT_EQ(load_or_make_reset_key(here.path()).value(), *made);
  EXPECT_EQ(mode_of(here / "reset.key"), 0600u);
  write_text(here / "reset.key", "short");
  EXPECT_FALSE(load_or_make_reset_key(here.path()));
}

}  // namespace
}  // namespace bp2p
