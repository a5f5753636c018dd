#include "daemon/crypto.h"

#include <sodium.h>

#include <stdexcept>

#include "proto/base/check.h"

namespace bp2p {
namespace {

static_assert(crypto_sign_SEEDBYTES == KeyPair::seed_size);
static_assert(crypto_sign_PUBLICKEYBYTES == PublicKey::size);
static_assert(crypto_sign_BYTES == Signature::size);

const unsigned char* raw(ByteView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* raw_out(std::span<std::byte> bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

unsigned char* locked_pages() {
  init_crypto();
  // It also asks for mlock and goes on without when RLIMIT_MEMLOCK is too small; MADV_DONTDUMP holds either way.
  auto* secret = static_cast<unsigned char*>(sodium_malloc(crypto_sign_SECRETKEYBYTES));
  if (!secret) throw std::bad_alloc{};
  return secret;
}

}  // namespace

void init_crypto() {
  if (sodium_init() < 0) throw std::runtime_error{"libsodium could not start: the system gives no entropy"};
}

void KeyPair::Free::operator()(unsigned char* secret) const noexcept { sodium_free(secret); }

KeyPair KeyPair::generate() {
  KeyPair pair;
  pair.secret_.reset(locked_pages());
  BP2P_CHECK(crypto_sign_keypair(raw_out(std::span{pair.public_key_.bytes}), pair.secret_.get()) == 0);
  sodium_mprotect_readonly(pair.secret_.get());
  return pair;
}

KeyPair KeyPair::from_seed(std::span<const std::byte, seed_size> seed) {
  KeyPair pair;
  pair.secret_.reset(locked_pages());
  BP2P_CHECK(crypto_sign_seed_keypair(raw_out(std::span{pair.public_key_.bytes}), pair.secret_.get(), raw(seed)) == 0);
  sodium_mprotect_readonly(pair.secret_.get());
  return pair;
}

std::span<const std::byte, KeyPair::seed_size> KeyPair::seed() const {
  // libsodium's secret key begins with the seed (crypto_sign_ed25519_sk_to_seed copies just these bytes).
  return std::span<const std::byte, seed_size>{reinterpret_cast<const std::byte*>(secret_.get()), seed_size};
}

Signature KeyPair::sign(ByteView message) const {
  Signature signature;
  crypto_sign_detached(raw_out(std::span{signature.bytes}), nullptr, raw(message), message.size(), secret_.get());
  return signature;
}

bool verify_signature(const PublicKey& key, ByteView message, const Signature& signature) {
  return crypto_sign_verify_detached(raw(ByteView{signature.bytes}), raw(message), message.size(),
                                     raw(ByteView{key.bytes})) == 0;
}

bool SodiumSigning::verify(const PublicKey& key, ByteView message, const Signature& signature) const {
  return verify_signature(key, message, signature);
}

std::string fingerprint(const PublicKey& key) {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, raw(ByteView{key.bytes}), key.bytes.size());
  constexpr auto variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  char text[sodium_base64_ENCODED_LEN(sizeof digest, variant)];
  sodium_bin2base64(text, sizeof text, digest, sizeof digest, variant);
  return std::string{"SHA256:"} + text;
}

std::optional<PublicKey> parse_hex_key(std::string_view text) {
  PublicKey key;
  if (text.size() != 2 * PublicKey::size) return std::nullopt;
  std::size_t length = 0;
  const char* end = nullptr;
  const int failed = sodium_hex2bin(raw_out(std::span{key.bytes}), key.bytes.size(), text.data(), text.size(), nullptr,
                                    &length, &end);
  if (failed != 0 || length != PublicKey::size || end != text.data() + text.size()) return std::nullopt;
  return key;
}

std::string hex(const PublicKey& key) {
  char text[2 * PublicKey::size + 1];
  return sodium_bin2hex(text, sizeof text, raw(ByteView{key.bytes}), key.bytes.size());
}

std::string SodiumSigning::show(const PublicKey& key) const { return fingerprint(key); }

}  // namespace bp2p
