#include "proto/trust/broadcast.h"

#include <gtest/gtest.h>

#include "daemon/crypto.h"

namespace bp2p {
namespace {

struct ABroadcast : testing::Test {
  ABroadcast() { init_crypto(); }
  const KeyPair keys = KeyPair::generate(), other_keys = KeyPair::generate();
  const SodiumSigning signing{keys}, other{other_keys};
  const BroadcastId id{"default", 7, 3};
  const Bytes payload = sign_broadcast(id, BroadcastKind::message, as_bytes("hello"), signing);

  bool is_good(const BroadcastId& as, const PublicKey& origin, ByteView bytes) const {
    return verify_broadcast(as, origin, bytes, other);
  }
};

TEST_F(ABroadcast, IsItsOriginsWord) {
  ASSERT_TRUE(is_good(id, keys.public_key(), payload));
  const Broadcast read = read_broadcast(payload);
  EXPECT_EQ(read.kind, static_cast<std::uint8_t>(BroadcastKind::message));
  EXPECT_EQ(as_text(read.body), "hello");
  EXPECT_FALSE(is_good(id, other_keys.public_key(), payload));
}

TEST_F(ABroadcast, IsGoodForOneNumberOfOneEpochOfOneClusterOnly) {
  EXPECT_FALSE(is_good({"default", 7, 4}, keys.public_key(), payload));
  EXPECT_FALSE(is_good({"default", 8, 3}, keys.public_key(), payload));
  EXPECT_FALSE(is_good({"default2", 7, 3}, keys.public_key(), payload));
  EXPECT_FALSE(is_good({"", 7, 3}, keys.public_key(), payload));
}

TEST_F(ABroadcast, ChangedInAnyByteOrCutAnywhereIsRefused) {
  for (std::size_t i = 0; i < payload.size(); ++i) {
    Bytes changed = payload;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(is_good(id, keys.public_key(), changed)) << "byte " << i;
    EXPECT_FALSE(is_good(id, keys.public_key(), ByteView{payload}.first(i))) << "cut at " << i;
  }
}

}  // namespace
}  // namespace bp2p
