// Signatures that cost little and that only the holder's object makes, for any number of keys. For rules, not for
// cryptography: a hostile peer of the simulator has no other way to a signature than this.
#pragma once
#include "proto/base/rng.h"
#include "proto/trust/signing.h"
#include "tests/sim/digest.h"

namespace bp2p::sim {

inline PublicKey key_of(std::uint64_t seed) {
  PublicKey key;
  Rng rng{seed};
  for (std::byte& each : key.bytes) each = static_cast<std::byte>(rng.next());
  return key;
}

class SimSigning final : public Signing {
 public:
  /// `believes_all`: verify() says yes to everything; for the self-test.
  explicit SimSigning(std::uint64_t seed, bool believes_all = false) : key_(key_of(seed)), believes_all_(believes_all) {}
  const PublicKey& own_key() const override { return key_; }
  Signature sign(ByteView message) const override { return signature(key_, message); }
  bool verify(const PublicKey& key, ByteView message, const Signature& claimed) const override {
    return believes_all_ || signature(key, message) == claimed;
  }

 private:
  static Signature signature(const PublicKey& key, ByteView message) {
    Rng rng{Digest{}.add(key).add(message).value()};
    Signature out;
    for (std::size_t i = 0; i < out.bytes.size(); i += 8) store_be(out.bytes.data() + i, rng.next());
    return out;
  }
  PublicKey key_;
  bool believes_all_;
};

class SimSecrets final : public Secrets {
 public:
  explicit SimSecrets(std::uint64_t seed) : rng_(seed) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& each : out) each = static_cast<std::byte>(rng_.next());
  }

 private:
  Rng rng_;
};

}  // namespace bp2p::sim
