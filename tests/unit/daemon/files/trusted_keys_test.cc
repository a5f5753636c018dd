#include "daemon/files/trusted_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/crypto.h"
#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

NodeName name_of(std::string_view text) { return NodeName::parse(text).value(); }

class Pins : public ::testing::Test {
 protected:
  TrustedKeys open() {
    auto keys = TrustedKeys::open(dir_);
    if (!keys) throw std::runtime_error{keys.error().text};
    return std::move(*keys);
  }
  std::filesystem::path file(std::string_view name) const { return dir_ / "trusted" / (std::string{name} + ".pub"); }

  TemporaryDirectory here_;
  std::filesystem::path dir_ = here_ / "keys";
  const NodeName app_ = name_of("app@db2"), batch_ = name_of("batch@db2"), other_ = name_of("app@db3");
  const PublicKey key_ = KeyPair::generate().public_key(), another_ = KeyPair::generate().public_key();
};

TEST_F(Pins, AreNoneAtFirst) {
  auto keys = open();
  EXPECT_EQ(keys.read(app_), PinRead{std::nullopt});
  EXPECT_EQ(keys.count(), 0u);
  EXPECT_TRUE(keys.list()->empty());
}

TEST_F(Pins, AreThereOnceStoredAndAfterARestart) {
  {
    auto keys = open();
    ASSERT_TRUE(keys.store(key_, std::vector{app_, batch_}));
    EXPECT_EQ(keys.read(app_), PinRead{key_});
  }
  auto keys = open();
  EXPECT_EQ(keys.read(app_), PinRead{key_});
  EXPECT_EQ(keys.read(batch_), PinRead{key_});
  EXPECT_EQ(keys.read(other_), PinRead{std::nullopt});
  EXPECT_EQ(keys.count(), 2u);
}

TEST_F(Pins, AreFilesOfThirtyTwoBytesWithALineInTheRecord) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  EXPECT_EQ(file_text(file("app@db2")), as_text(key_.bytes));
  EXPECT_EQ(file_text(dir_ / "pinned"), "app@db2 " + fingerprint(key_) + "\n");
}

TEST_F(Pins, NeverChangeByStoring) {  // I2
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  const auto stored = keys.store(another_, std::vector{batch_, app_});
  ASSERT_FALSE(stored);
  EXPECT_THAT(stored.error().text, HasSubstr("is pinned to " + fingerprint(key_)));
  EXPECT_EQ(keys.read(app_), PinRead{key_});
  EXPECT_EQ(keys.read(batch_), PinRead{std::nullopt}) << "a refused store wrote a part of itself";
}

TEST_F(Pins, AreWrittenOnceWhenTheSameIsStoredAgain) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_, app_}));
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  EXPECT_EQ(file_text(dir_ / "pinned"), "app@db2 " + fingerprint(key_) + "\n");
}

TEST_F(Pins, ThatWentMissingAreNotAFirstContact) {  // I2
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  std::filesystem::remove(file("app@db2"));
  EXPECT_EQ(keys.read(app_), PinRead{std::unexpected(PinError::missing_of_record)});
  EXPECT_FALSE(keys.store(another_, std::vector{app_}));
  EXPECT_EQ(open().read(app_), PinRead{std::unexpected(PinError::missing_of_record)});
  const auto why = keys.inspect(app_);
  ASSERT_FALSE(why);
  EXPECT_THAT(why.error().text, HasSubstr("keys/trusted/app@db2.pub: the pin of app@db2"));
}

TEST_F(Pins, ThatAreTruncatedAtAnyByteOrTooLongAreRefused) {  // I2
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  const std::string whole = file_text(file("app@db2"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_text(file("app@db2"), whole.substr(0, size));
    EXPECT_EQ(keys.read(app_), PinRead{std::unexpected(PinError::unreadable)}) << size;
  }
  for (const std::size_t more : {1, 2, 100'000}) {
    write_text(file("app@db2"), whole + std::string(more, 'x'));
    EXPECT_EQ(keys.read(app_), PinRead{std::unexpected(PinError::unreadable)}) << more;
  }
}

TEST_F(Pins, WithAnyBitFlippedAreRefused) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  const std::string whole = file_text(file("app@db2"));
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_text(file("app@db2"), flipped);
    EXPECT_EQ(keys.read(app_), PinRead{std::unexpected(PinError::unreadable)}) << bit;
  }
}

TEST_F(Pins, ThatAreNotFilesAreRefused) {
  auto keys = open();
  std::filesystem::create_directory(file("app@db2"));
  EXPECT_EQ(keys.read(app_), PinRead{std::unexpected(PinError::unreadable)});
  std::filesystem::create_symlink("/dev/zero", file("batch@db2"));
  EXPECT_EQ(keys.read(batch_), PinRead{std::unexpected(PinError::unreadable)});
  ASSERT_EQ(::mkfifo(file("app@db3").c_str(), 0600), 0);
  EXPECT_EQ(keys.read(other_), PinRead{std::unexpected(PinError::unreadable)});
}

TEST_F(Pins, CopiedInByHandGetALineWhenTheDaemonStarts) {  // and so do upstream's
  open();
  write_text(file("app@db2"), as_text(key_.bytes));
  EXPECT_EQ(open().read(app_), PinRead{key_});
  std::filesystem::remove(file("app@db2"));
  EXPECT_EQ(open().read(app_), PinRead{std::unexpected(PinError::missing_of_record)});
}

TEST_F(Pins, AreKnownByTheirKey) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{batch_, app_}));
  ASSERT_TRUE(keys.store(another_, std::vector{other_}));
  EXPECT_EQ(open().names_of(key_), (std::vector{app_, batch_}));
  ASSERT_TRUE(keys.unpin(app_).value());
  EXPECT_EQ(keys.names_of(key_), std::vector{batch_});
  EXPECT_TRUE(keys.names_of(KeyPair::generate().public_key()).empty());
}

TEST_F(Pins, SayWhereAnotherKeyHasAName) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  ASSERT_TRUE(keys.store(another_, std::vector{other_}));
  const std::vector both{batch_, name_of("new@db3"), name_of("x@db4")};
  EXPECT_EQ(keys.hosts_of_others(key_, both), std::set<std::string>{"db3"});
  EXPECT_EQ(keys.hosts_of_others(another_, both), std::set<std::string>{"db2"});
  EXPECT_EQ(keys.hosts_of_others(KeyPair::generate().public_key(), both), (std::set<std::string>{"db2", "db3"}));
}

TEST_F(Pins, ChangeByAnOperatorsWillAndTheRunningDaemonSeesIt) {
  auto daemon = open();
  ASSERT_TRUE(daemon.store(key_, std::vector{app_}));
  auto cli = open();
  ASSERT_TRUE(cli.replace(another_, app_));
  EXPECT_EQ(daemon.read(app_), PinRead{another_});
  EXPECT_TRUE(cli.unpin(app_).value());
  EXPECT_EQ(daemon.read(app_), PinRead{std::nullopt});
  EXPECT_FALSE(cli.unpin(app_).value());
  ASSERT_TRUE(daemon.store(key_, std::vector{app_}));
  EXPECT_EQ(cli.read(app_), PinRead{key_});
}

TEST_F(Pins, ThatWentMissingOrTornCanBeTakenBack) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_, batch_}));
  std::filesystem::remove(file("app@db2"));
  write_text(file("batch@db2"), "torn");
  EXPECT_TRUE(keys.unpin(app_).value());
  EXPECT_TRUE(keys.unpin(batch_).value());
  EXPECT_EQ(open().read(app_), PinRead{std::nullopt});
  EXPECT_EQ(open().read(batch_), PinRead{std::nullopt});
}

TEST_F(Pins, AreListedWithWhatIsWrongWithThem) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_, batch_}));
  std::filesystem::remove(file("batch@db2"));
  write_text(dir_ / "trusted/not a name.pub", "x");
  const auto pins = keys.list();
  ASSERT_TRUE(pins);
  ASSERT_EQ(pins->size(), 2u);
  EXPECT_EQ((*pins)[0].key.value(), key_);
  EXPECT_EQ((*pins)[1].name, batch_);
  EXPECT_EQ((*pins)[1].key.error().error, PinError::missing_of_record);
}

TEST_F(Pins, SurviveARecordCutShortAtEachByte) {  // a crash while a line was appended
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  const std::string first = file_text(dir_ / "pinned");
  ASSERT_TRUE(keys.store(key_, std::vector{batch_}));
  const std::string both = file_text(dir_ / "pinned");
  for (std::size_t size = first.size(); size < both.size(); ++size) {
    write_text(dir_ / "pinned", both.substr(0, size));
    auto again = open();  // gives batch@db2, whose file is there, its line
    EXPECT_EQ(again.read(app_), PinRead{key_}) << size;
    EXPECT_EQ(again.read(batch_), PinRead{key_}) << size;
    EXPECT_EQ(file_text(dir_ / "pinned"), both) << size;
  }
}

TEST_F(Pins, LeaveARecordThatDoesNotGrowForEver) {  // nodes with names of an hour, taken back by an operator
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_, batch_}));
  const std::string live = file_text(dir_ / "pinned");
  std::string text = live;
  while (text.size() < 1'200'000) text += "ci@db2 " + fingerprint(key_) + "\nci@db2 -\n";
  write_text(dir_ / "pinned", text);
  ASSERT_TRUE(keys.store(another_, std::vector{other_}));
  EXPECT_EQ(file_text(dir_ / "pinned"), live + "app@db3 " + fingerprint(another_) + "\n");
  EXPECT_EQ(keys.count(), 3u);
  std::filesystem::remove(file("batch@db2"));
  EXPECT_EQ(open().read(batch_), PinRead{std::unexpected(PinError::missing_of_record)}) << "what is pinned stays so";
}

TEST_F(Pins, LeaveARecordAsItIsWhileMostOfItCounts) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  const std::string text = file_text(dir_ / "pinned") + "gone@db2 " + fingerprint(key_) + "\ngone@db2 -\n";
  write_text(dir_ / "pinned", text);
  ASSERT_TRUE(keys.store(key_, std::vector{batch_}));
  EXPECT_EQ(file_text(dir_ / "pinned"), text + "batch@db2 " + fingerprint(key_) + "\n");
}

TEST_F(Pins, EndTheStartWhenTheRecordIsNotOne) {
  open();
  for (const char* text : {"\n", "app@db2\n", "app@db2 SHA256:short\n", "nohost -\n", "app@db2  -\n", "x\ny\nz\n"}) {
    write_text(dir_ / "pinned", text);
    const auto keys = TrustedKeys::open(dir_);
    ASSERT_FALSE(keys) << text;
    EXPECT_THAT(keys.error().text, HasSubstr("line 1 is not `NAME fingerprint`"));
  }
  std::filesystem::remove(dir_ / "pinned");
  std::filesystem::create_directory(dir_ / "pinned");
  EXPECT_FALSE(TrustedKeys::open(dir_));
}

TEST_F(Pins, RefuseEveryoneWhileTheRecordCannotBeRead) {
  auto keys = open();
  ASSERT_TRUE(keys.store(key_, std::vector{app_}));
  write_text(dir_ / "pinned", "garbage\n");
  EXPECT_EQ(keys.read(app_), PinRead{std::unexpected(PinError::unreadable)});
  EXPECT_EQ(keys.read(other_), PinRead{std::unexpected(PinError::unreadable)});
  EXPECT_FALSE(keys.store(key_, std::vector{other_}));
  std::filesystem::remove(dir_ / "pinned");
  EXPECT_EQ(keys.read(other_), PinRead{std::unexpected(PinError::unreadable)}) << "a lost record is not an empty one";
}

TEST_F(Pins, AreNotWaitedForWithoutEnd) {  // whoever changes them may have been stopped in the middle
  auto keys = open();
  const int held = ::open((dir_ / "lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  const auto stored = keys.store(key_, std::vector{app_});
  ::close(held);
  ASSERT_FALSE(stored);
  EXPECT_THAT(stored.error().text, HasSubstr("keys/lock: another process has been changing pins"));
  EXPECT_TRUE(keys.store(key_, std::vector{app_}));
}

TEST_F(Pins, OfANameTooLongForAFileAreRefused) {
  auto keys = open();
  const NodeName longest = name_of("a@" + std::string(253, 'h'));
  EXPECT_EQ(keys.read(longest), PinRead{std::unexpected(PinError::unreadable)});
  EXPECT_FALSE(keys.store(key_, std::vector{longest}));
}

TEST_F(Pins, AreOnlyLookedAtByTheOneThatLooks) {
  auto keys = TrustedKeys::open_to_look(dir_);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->list()->empty());
  EXPECT_FALSE(std::filesystem::exists(dir_));
}

}  // namespace
}  // namespace bp2p
