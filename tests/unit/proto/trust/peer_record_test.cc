#include "proto/trust/peer_record.h"

#include <gtest/gtest.h>

#include "daemon/crypto.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;

struct PeerRecords : testing::Test {
  PeerRecords() { init_crypto(); }
  const KeyPair keys = KeyPair::generate(), other_keys = KeyPair::generate();
  const SodiumSigning signing{keys}, other{other_keys};
  const WallTime now{1'800'000'000'000};

  peer::RecordBody body() const {
    return {.cluster = "default", .names = {NodeName::parse("a@h").value()}, .epoch = 7, .number = 3, .addresses = {},
            .capabilities = {}, .issued = now, .expires = now + 24h};
  }
  std::optional<RecordError> error_of(ByteView record, WallTime at) const {
    const auto verified = verify_record(record, {signing.own_key(), "default", at}, other);
    return verified ? std::nullopt : std::optional{verified.error()};
  }
};

TEST_F(PeerRecords, HaveDatesThatNobodyLookedAtBefore) {  // the address book's are read however old; ubsan looks on
  auto odd = body();
  for (const auto& [issued, expires] : {std::pair{WallTime::max(), WallTime::max()}, {WallTime::max(), WallTime{}}, {WallTime::max() - 1h, WallTime::min()}}) {
    odd.issued = issued;
    odd.expires = expires;
    const auto verified = verify_record(sign_record(odd, signing), {std::nullopt, "default", std::nullopt}, other);
    ASSERT_FALSE(verified.has_value());
    EXPECT_EQ(verified.error(), RecordError::lives_too_long);
  }
  odd.issued = odd.expires = WallTime::min();
  EXPECT_TRUE(verify_record(sign_record(odd, signing), {std::nullopt, "default", std::nullopt}, other).has_value());
}

TEST_F(PeerRecords, OfTheProvenKeyAreBelieved) {
  const auto verified = verify_record(sign_record(body(), signing), {signing.own_key(), "default", now}, other);
  ASSERT_TRUE(verified.has_value());
  EXPECT_EQ(verified->key, signing.own_key());
  EXPECT_EQ(verified->body, body());
}

TEST_F(PeerRecords, ChangedInAnyByteAreRefused) {
  const Bytes record = sign_record(body(), signing);
  for (std::size_t i = 0; i < record.size(); ++i) {
    Bytes changed = record;
    changed[i] ^= std::byte{1};
    EXPECT_TRUE(error_of(changed, now).has_value()) << "byte " << i;
  }
  for (std::size_t size = 0; size < record.size(); ++size)
    EXPECT_TRUE(error_of(ByteView{record}.first(size), now).has_value()) << "cut at " << size;
}

TEST_F(PeerRecords, OfAnotherKeyAreRefusedHoweverWellSigned) {
  EXPECT_EQ(error_of(sign_record(body(), other), now), RecordError::other_key);
  Bytes renamed = sign_record(body(), other);
  std::ranges::copy(signing.own_key().bytes, renamed.begin());
  EXPECT_EQ(error_of(renamed, now), RecordError::bad_signature);
}

TEST_F(PeerRecords, OfAnotherClusterAreRefused) {
  auto elsewhere = body();
  elsewhere.cluster = "other";
  EXPECT_EQ(error_of(sign_record(elsewhere, signing), now), RecordError::wrong_cluster);
}

TEST_F(PeerRecords, LiveADayAndNoLongerWithFiveMinutesForTheClocks) {
  const Bytes record = sign_record(body(), signing);
  EXPECT_EQ(error_of(record, now + 24h + 5min), std::nullopt);
  EXPECT_EQ(error_of(record, now + 24h + 5min + 1ms), RecordError::expired);
  EXPECT_EQ(error_of(record, now - 5min), std::nullopt);
  EXPECT_EQ(error_of(record, now - 5min - 1ms), RecordError::not_yet_valid);
  auto eternal = body();
  eternal.expires = now + 24h + 1ms;
  EXPECT_EQ(error_of(sign_record(eternal, signing), now), RecordError::lives_too_long);
  eternal.expires = WallTime::max();
  eternal.issued = WallTime::min();
  EXPECT_EQ(error_of(sign_record(eternal, signing), now), RecordError::lives_too_long);
}

TEST_F(PeerRecords, AreOrderedByEpochAndThenNumber) {
  auto later = body();
  EXPECT_FALSE(is_newer(later, body()));
  later.number = 4;
  EXPECT_TRUE(is_newer(later, body()));
  later.epoch = 6;
  EXPECT_FALSE(is_newer(later, body()));
  later.epoch = 8;
  later.number = 0;
  EXPECT_TRUE(is_newer(later, body()));
}

}  // namespace
}  // namespace bp2p
