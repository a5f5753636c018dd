#include "daemon/files/address_book_file.h"

#include <gtest/gtest.h>

#include "daemon/crypto.h"
#include "proto/core/core.h"
#include "proto/trust/peer_record.h"
#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;
using testing::file_text;
using testing::TemporaryDirectory;
using testing::write_text;

struct TheAddressBookFile : ::testing::Test {
  TheAddressBookFile() { init_crypto(); }
  TemporaryDirectory here;
  const KeyPair keys = KeyPair::generate();
  const SodiumSigning signing{keys};
  std::filesystem::path dir() const { return here.path(); }

  membership::SavedContact contact(bool lost, WallTime issued = WallTime{1'800'000'000'000}) {
    const KeyPair other = KeyPair::generate();
    const Bytes record = sign_record({.cluster = "c", .names = {}, .epoch = 7, .number = 3,
                                      .addresses = {Address::parse("10.0.0.6:9100").value()}, .capabilities = {},
                                      .issued = issued, .expires = issued + 24h}, SodiumSigning{other});
    return {.contact = Core::read_saved(record, "c", signing), .seen = issued, .met = true,
            .lost = lost ? std::optional{issued + 1h} : std::nullopt};
  }
};

TEST_F(TheAddressBookFile, IsReadAsItWasSavedHoweverOld) {
  const std::vector<membership::SavedContact> saved{contact(false), contact(true, WallTime{0})};
  ASSERT_TRUE(save_address_book(dir(), saved).has_value());
  const auto loaded = load_address_book(dir(), "c", signing);
  ASSERT_TRUE(loaded.has_value());
  ASSERT_EQ(loaded->size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(*(*loaded)[i].contact->record, *saved[i].contact->record);
    EXPECT_EQ((*loaded)[i].contact->addresses, saved[i].contact->addresses);
    EXPECT_EQ((*loaded)[i].seen, saved[i].seen);
    EXPECT_EQ((*loaded)[i].met, saved[i].met);
    EXPECT_EQ((*loaded)[i].lost, saved[i].lost);
  }
}

TEST_F(TheAddressBookFile, IsEmptyBeforeItWasSaved) {
  const auto loaded = load_address_book(dir(), "c", signing);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_TRUE(loaded->empty());
}

TEST_F(TheAddressBookFile, WithTimesThatCannotBeIsOfUseAllTheSame) {
  const KeyPair other = KeyPair::generate();
  for (const WallTime odd : {WallTime::min(), WallTime{-1}, WallTime{0}, WallTime::max()}) {
    membership::SavedContact each = contact(true);
    each.seen = odd;
    each.lost = odd;
    ASSERT_TRUE(save_address_book(dir(), {each, contact(false)}).has_value());
    const auto loaded = load_address_book(dir(), "c", signing);
    ASSERT_TRUE(loaded.has_value());
    const Now now{TimePoint{1000s}, WallTime{1'800'000'000'000}};
    membership::AddressBook book{256, 24h};
    book.restore(*loaded, now);
    EXPECT_GE(book.size(), 1u);
    for (const membership::SavedContact& again : book.snapshot(now)) EXPECT_LE(again.seen, now.wall);
  }
  // A record that another wrote, with dates at the ends of what a number holds.
  const Bytes record = sign_record({.cluster = "c", .names = {}, .epoch = 7, .number = 3, .addresses = {}, .capabilities = {},
                                    .issued = WallTime::max(), .expires = WallTime::max()}, SodiumSigning{other});
  EXPECT_EQ(Core::read_saved(record, "c", signing), nullptr);
}

TEST_F(TheAddressBookFile, LeavesOutWhatIsOfAnotherClusterOrNotItsAuthors) {
  ASSERT_TRUE(save_address_book(dir(), {contact(false), contact(false)}).has_value());
  EXPECT_TRUE(load_address_book(dir(), "another", signing)->empty());
  std::string text = file_text(dir() / "address_book");
  text[text.size() - 1] ^= 1;
  write_text(dir() / "address_book", text);
  EXPECT_EQ(load_address_book(dir(), "c", signing)->size(), 1u);
}

TEST_F(TheAddressBookFile, CutAnywhereIsAnErrorAndNothingElse) {
  ASSERT_TRUE(save_address_book(dir(), {contact(true)}).has_value());
  const std::string whole = file_text(dir() / "address_book");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_text(dir() / "address_book", whole.substr(0, size));
    const auto loaded = load_address_book(dir(), "c", signing);
    EXPECT_TRUE(!loaded || loaded->empty()) << size;
  }
}

}  // namespace
}  // namespace bp2p
