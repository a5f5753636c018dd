#include "proto/core/contacts.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/fake_crypto.h"

namespace bp2p::test {
namespace {

using namespace std::chrono_literals;
using membership::RecordFault;

struct KnownContacts : testing::Test {
  FakeSigning self{1};
  Contacts contacts{"default", self};
  const WallTime now{1'800'000'000'000};

  Bytes record(std::uint8_t key, std::uint64_t number, std::vector<std::string> names = {}, std::vector<std::string> at = {}) {
    peer::RecordBody body{.cluster = "default", .names = {}, .epoch = 7, .number = number, .addresses = {}, .capabilities = {},
                          .issued = now, .expires = now + 24h};
    for (const std::string& each : names) body.names.push_back(NodeName::parse(each).value());
    for (const std::string& each : at) body.addresses.push_back(Address::parse(each).value());
    return sign_record(body, FakeSigning{key});
  }
  std::vector<std::string> addresses(std::string_view name) {
    std::vector<std::string> out;
    for (const Address& each : contacts.addresses_of(NodeName::parse(name).value())) out.push_back(each.text());
    return out;
  }
};

TEST_F(KnownContacts, AreVerifiedOnceHoweverOftenTheyAreHeard) {
  const Bytes bytes = record(2, 1);
  const auto first = contacts.read(bytes, now);
  ASSERT_TRUE(first.has_value());
  const std::size_t verified = self.verified;
  EXPECT_EQ(*contacts.read(bytes, now), *first);
  EXPECT_EQ(self.verified, verified);
}

TEST_F(KnownContacts, ThatAreForgedAreToldFromThoseThatAreOutdated) {
  Bytes bytes = record(2, 1);
  bytes.back() ^= std::byte{1};
  EXPECT_EQ(contacts.read(bytes, now).error(), RecordFault::forged);
  EXPECT_EQ(contacts.read(Bytes(20), now).error(), RecordFault::forged);
  EXPECT_EQ(contacts.read(record(2, 1), now + 25h).error(), RecordFault::outdated);
  ASSERT_TRUE(contacts.read(record(2, 1), now).has_value());
  EXPECT_EQ(contacts.read(record(2, 1), now + 25h).error(), RecordFault::outdated) << "known, and outdated by now";
}

TEST_F(KnownContacts, KeepTheNewestRecordAndItsNames) {
  ASSERT_TRUE(contacts.read(record(2, 2, {"new@h"}, {"10.0.0.2:9100"}), now).has_value());
  const auto older = contacts.read(record(2, 1, {"old@h"}, {"10.0.0.1:9100"}), now);
  ASSERT_TRUE(older.has_value());
  EXPECT_EQ((*older)->number, 2u) << "whoever shows an older one gets the newer";
  EXPECT_EQ(addresses("new@h"), std::vector<std::string>{"10.0.0.2:9100"});
  EXPECT_TRUE(addresses("old@h").empty());
  ASSERT_TRUE(contacts.read(record(2, 3, {"newest@h"}), now).has_value());
  EXPECT_TRUE(addresses("new@h").empty());
  EXPECT_EQ(contacts.size(), 1u);
}

TEST_F(KnownContacts, OfOneNameHaveTheirAddressesTogether) {
  ASSERT_TRUE(contacts.read(record(2, 1, {"a@h"}, {"10.0.0.2:9100"}), now).has_value());
  ASSERT_TRUE(contacts.read(record(3, 1, {"a@h"}, {"10.0.0.3:9100", "10.0.0.2:9100"}), now).has_value());
  EXPECT_EQ(addresses("a@h").size(), 2u);
}

TEST_F(KnownContacts, OfOneNameAreTriedInTurnSoThatNoneHasItsAddressesBeforeAllOthers) {
  ASSERT_TRUE(contacts.read(record(3, 1, {"a@h"}, {"10.0.0.2:9100", "10.0.0.12:9100"}), now).has_value());
  std::vector<std::string> many;
  for (int i = 1; i <= 16; ++i) many.push_back("66.0.0." + std::to_string(i) + ":9100");
  ASSERT_TRUE(contacts.read(record(2, 1, {"a@h"}, many), now).has_value());
  const auto tried = addresses("a@h");
  ASSERT_EQ(tried.size(), 16u);
  EXPECT_TRUE(std::ranges::contains(std::span{tried}.first(2), "10.0.0.2:9100"));
  EXPECT_TRUE(std::ranges::contains(std::span{tried}.first(4), "10.0.0.12:9100"));
}

TEST_F(KnownContacts, WhomALinkHasProvenForTheNameAreTriedFirst) {
  for (std::uint8_t key = 2; key < 30; ++key)
    ASSERT_TRUE(contacts.read(record(key, 1, {"a@h"}, {"10.0.0." + std::to_string(key) + ":9100"}), now).has_value());
  contacts.on_proven(key_of(20), {NodeName::parse("a@h").value()});
  EXPECT_EQ(addresses("a@h").at(0), "10.0.0.20:9100");
  ASSERT_TRUE(contacts.read(record(20, 2, {"a@h"}, {"10.0.1.20:9100"}), now).has_value());
  EXPECT_EQ(addresses("a@h").at(0), "10.0.1.20:9100");
  contacts.on_proven(key_of(20), {});
  EXPECT_NE(addresses("a@h").at(0), "10.0.1.20:9100");
}

TEST_F(KnownContacts, AreBoundedInBytesAndForgetWhoWasHeardOfLongestAgo) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) names.push_back(std::string(200, 'n') + std::to_string(i) + "@h");
  const std::size_t each = record(2, 1, names).size(), fitting = Contacts::bytes_max / each;
  peer::RecordBody body{.cluster = "default", .names = {}, .epoch = 7, .number = 1, .addresses = {}, .capabilities = {},
                        .issued = now, .expires = now + 24h};
  for (const std::string& name : names) body.names.push_back(NodeName::parse(name).value());
  PublicKey first, last;
  for (std::size_t i = 0; i < fitting + 10; ++i) {
    PublicKey key;
    store_be(key.bytes.data(), static_cast<std::uint64_t>(i));
    if (i == 0) first = key;
    last = key;
    contacts.keep({key, body}, Bytes(each));
  }
  EXPECT_EQ(contacts.size(), fitting);
  EXPECT_EQ(contacts.find(first), nullptr);
  EXPECT_NE(contacts.find(last), nullptr);
}

}  // namespace
}  // namespace bp2p::test
