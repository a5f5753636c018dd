// The only place that draws entropy: libsodium's randombytes, which is getrandom(2) here.
#pragma once
#include <cstdint>

#include "proto/trust/signing.h"

namespace bp2p {

class SystemSecrets final : public Secrets {
 public:
  SystemSecrets();  ///< starts libsodium; throws std::runtime_error when it cannot
  void fill(std::span<std::byte> out) override;
};

/// For an Rng.
std::uint64_t random_seed();

}  // namespace bp2p
