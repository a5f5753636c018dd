// Signatures that cost nothing and that only the holder's object makes; secrets from a seed. For tests of rules, not
// of cryptography.
#pragma once
#include <array>
#include <cstdint>

#include "proto/base/rng.h"
#include "proto/trust/signing.h"

namespace bp2p::test {

inline PublicKey key_of(std::uint8_t seed) {
  PublicKey key;
  key.bytes.fill(static_cast<std::byte>(seed));
  return key;
}

class FakeSigning final : public Signing {
 public:
  explicit FakeSigning(std::uint8_t seed) : key_(key_of(seed)) {}
  const PublicKey& own_key() const override { return key_; }
  Signature sign(ByteView message) const override { return signature(key_, message); }
  bool verify(const PublicKey& key, ByteView message, const Signature& claimed) const override {
    ++verified;
    return signature(key, message) == claimed;
  }
  mutable std::size_t verified = 0;

 private:
  static Signature signature(const PublicKey& key, ByteView message) {
    Signature out;
    std::uint64_t state = 0xcbf29ce484222325ULL;  // FNV-1a
    const auto eat = [&](ByteView bytes) {
      for (const std::byte each : bytes) state = (state ^ static_cast<std::uint64_t>(each)) * 0x100000001b3ULL;
    };
    eat(key.bytes);
    eat(message);
    Rng rng{state};
    for (std::byte& each : out.bytes) each = static_cast<std::byte>(rng.next());
    return out;
  }
  PublicKey key_;
};

class FakeSecrets final : public Secrets {
 public:
  explicit FakeSecrets(std::uint64_t seed) : rng_(seed) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& each : out) each = static_cast<std::byte>(rng_.next());
  }

 private:
  Rng rng_;
};

}  // namespace bp2p::test
