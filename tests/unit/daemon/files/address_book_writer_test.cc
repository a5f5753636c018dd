#include "daemon/files/address_book_writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>

namespace bp2p {
namespace {

using namespace std::chrono_literals;
using Book = AddressBookWriter::Book;

membership::SavedContact entry(std::uint8_t record, bool met = false) {
  return {.contact = std::make_shared<const membership::Contact>(
              membership::Contact{.key = {}, .record = std::make_shared<const Bytes>(Bytes{std::byte{record}})}),
          .seen = WallTime{1}, .met = met};
}

struct BookOnDisk : testing::Test {
  std::atomic<int> written = 0;
  std::atomic<bool> is_full = false;
  std::atomic<int> complaints = 0;
  AddressBookWriter writer{[this](const Book&) -> std::expected<void, FileError> {
                             ++written;
                             if (is_full) return std::unexpected(FileError{"full"});
                             return {};
                           },
                           [this](const std::string&) { ++complaints; }};
  TimePoint now{1000s};

  int after(const Book& book, Duration later = 1min) {
    writer.set(book, now += later);
    EXPECT_TRUE(writer.wait(10s));
    return written;
  }
};

TEST_F(BookOnDisk, IsNotWrittenWhileItSaysTheSame) {
  EXPECT_EQ(after({entry(1)}), 1);
  Book seen_again{entry(1)};
  seen_again[0].seen = WallTime{60'000};
  EXPECT_EQ(after(seen_again), 1);
  EXPECT_EQ(after({entry(1), entry(2)}), 2);
  EXPECT_EQ(after({entry(1), entry(3)}), 3) << "a newer record";
  EXPECT_EQ(after({entry(1, true), entry(3)}), 4) << "met";
  EXPECT_EQ(after({entry(1, true), entry(3)}, 59min), 4);
  EXPECT_EQ(after({entry(1, true), entry(3)}, 2min), 5) << "ages are brought up to date";
}

TEST_F(BookOnDisk, IsWrittenAgainWhenItCouldNotBe) {
  is_full = true;
  EXPECT_EQ(after({entry(1)}), 1);
  EXPECT_EQ(complaints, 1);
  is_full = false;
  EXPECT_EQ(after({entry(1)}), 2);
  EXPECT_EQ(after({entry(1)}), 2);
}

TEST(ABookOnADiskThatHangs, IsNotWaitedForLongerThanAllowed) {  // I24
  std::latch hangs{1};
  AddressBookWriter writer{[&](const Book&) -> std::expected<void, FileError> {
                             hangs.wait();
                             return {};
                           },
                           [](const std::string&) {}};
  writer.set({entry(1)}, TimePoint{1000s});
  EXPECT_FALSE(writer.wait(20ms));
  EXPECT_TRUE(writer.is_busy());
  hangs.count_down();
  EXPECT_TRUE(writer.wait(10s));
  EXPECT_FALSE(writer.is_busy());
}

}  // namespace
}  // namespace bp2p
