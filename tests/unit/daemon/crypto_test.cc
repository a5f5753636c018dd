#include "daemon/crypto.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "daemon/clock.h"
#include "daemon/entropy.h"

namespace bp2p {
namespace {

PublicKey key_of(std::string_view hex_digits) { return parse_hex_key(hex_digits).value(); }

TEST(KeyPairs, GiveTheSignatureOfRfc8032) {  // section 7.1, TEST 1
  const PublicKey seed = key_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const KeyPair keys = KeyPair::from_seed(seed.bytes);
  EXPECT_EQ(hex(keys.public_key()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  Signature expected;
  const PublicKey first = key_of("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155");
  const PublicKey second = key_of("5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  std::ranges::copy(first.bytes, expected.bytes.begin());
  std::ranges::copy(second.bytes, expected.bytes.begin() + 32);
  EXPECT_EQ(keys.sign({}), expected);
}

TEST(KeyPairs, VerifyOnlyWhatTheySigned) {
  const KeyPair keys = KeyPair::generate(), others = KeyPair::generate();
  const SodiumSigning signing{keys};
  Signature signature = signing.sign(as_bytes("hello"));
  EXPECT_TRUE(signing.verify(keys.public_key(), as_bytes("hello"), signature));
  EXPECT_FALSE(signing.verify(keys.public_key(), as_bytes("hellO"), signature));
  EXPECT_FALSE(signing.verify(others.public_key(), as_bytes("hello"), signature));
  signature.bytes[63] ^= std::byte{1};
  EXPECT_FALSE(signing.verify(keys.public_key(), as_bytes("hello"), signature));
  EXPECT_NE(keys.public_key(), others.public_key());
}

TEST(KeyPairs, MoveAndAreNeverCopied) {
  static_assert(!std::is_copy_constructible_v<KeyPair> && std::is_nothrow_move_constructible_v<KeyPair>);
  KeyPair keys = KeyPair::generate();
  const Bytes seed(keys.seed().begin(), keys.seed().end());
  const KeyPair moved = std::move(keys);
  EXPECT_EQ(Bytes(moved.seed().begin(), moved.seed().end()), seed);
}

TEST(Fingerprints, LookLikeThoseOfSsh) {
  // printf of 32 zero bytes | openssl dgst -sha256 -binary | base64, without the padding
  EXPECT_EQ(fingerprint(PublicKey{}), "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU");
}

TEST(HexadecimalKeys, AreSixtyFourDigitsAndNothingElse) {
  const std::string good(64, 'a');
  EXPECT_TRUE(parse_hex_key(good));
  EXPECT_FALSE(parse_hex_key(good.substr(1)));
  EXPECT_FALSE(parse_hex_key(good + "a"));
  EXPECT_FALSE(parse_hex_key(good.substr(1) + "g"));
  EXPECT_FALSE(parse_hex_key(std::string(63, 'a') + " "));
}

TEST(Entropy, DiffersEachTime) {
  SystemSecrets secrets;
  std::array<std::byte, 32> a{}, b{};
  secrets.fill(a);
  secrets.fill(b);
  EXPECT_NE(a, b);
  EXPECT_NE(random_seed(), random_seed());
}

TEST(Clocks, GoForwardAndKnowTheCentury) {
  const Now first = read_clocks();
  const Now second = read_clocks();
  EXPECT_GE(second.steady, first.steady);
  EXPECT_GT(first.wall, WallTime{1'700'000'000'000});
}

}  // namespace
}  // namespace bp2p
