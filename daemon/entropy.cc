#include "daemon/entropy.h"

#include <sodium.h>

#include "daemon/crypto.h"

namespace bp2p {

SystemSecrets::SystemSecrets() { init_crypto(); }

void SystemSecrets::fill(std::span<std::byte> out) { randombytes_buf(out.data(), out.size()); }

std::uint64_t random_seed() {
  init_crypto();
  std::uint64_t seed = 0;
  randombytes_buf(&seed, sizeof seed);
  return seed;
}

}  // namespace bp2p
