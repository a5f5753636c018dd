// Ed25519 by libsodium: the daemon's key pair, what it signs, and how a key is shown to people.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proto/trust/signing.h"

namespace bp2p {

/// Starts libsodium; may be called again. Throws std::runtime_error when the system has no entropy.
void init_crypto();

/// An Ed25519 key pair. The secret half lives in pages of its own that are locked, guarded and left out of core
/// dumps (sodium_malloc), and is zeroed when the pair goes. Moves, never copies.
class KeyPair {
 public:
  static constexpr std::size_t seed_size = 32;
  static KeyPair generate();
  static KeyPair from_seed(std::span<const std::byte, seed_size> seed);
  KeyPair(KeyPair&&) noexcept = default;
  KeyPair& operator=(KeyPair&&) noexcept = default;

  const PublicKey& public_key() const { return public_key_; }
  /// The 32 bytes that RFC 8032 calls the private key, for OpenSSL's EVP_PKEY_new_raw_private_key. Valid while the
  /// pair lives; do not copy it elsewhere.
  std::span<const std::byte, seed_size> seed() const;
  Signature sign(ByteView message) const;

 private:
  struct Free {
    void operator()(unsigned char* secret) const noexcept;
  };
  KeyPair() = default;
  std::unique_ptr<unsigned char, Free> secret_;  // seed, then public key: libsodium's form
  PublicKey public_key_;
};

/// `keys` outlives it.
class SodiumSigning final : public Signing {
 public:
  explicit SodiumSigning(const KeyPair& keys) : keys_(keys) {}
  const PublicKey& own_key() const override { return keys_.public_key(); }
  Signature sign(ByteView message) const override { return keys_.sign(message); }
  bool verify(const PublicKey& key, ByteView message, const Signature& signature) const override;
  std::string show(const PublicKey& key) const override;

 private:
  const KeyPair& keys_;
};

bool verify_signature(const PublicKey& key, ByteView message, const Signature& signature);

/// `SHA256:` and the unpadded base64 of the SHA-256 of the 32 raw bytes, the way ssh shows keys.
std::string fingerprint(const PublicKey& key);

/// 64 hexadecimal digits; nothing else.
std::optional<PublicKey> parse_hex_key(std::string_view text);
std::string hex(const PublicKey& key);

}  // namespace bp2p
