#include "proto/trust/signing.h"

namespace bp2p {

std::string Signing::show(const PublicKey& key) const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "ed25519:";
  for (const std::byte each : key.bytes) {
    text += digits[static_cast<std::size_t>(each >> 4)];
    text += digits[static_cast<std::size_t>(each & std::byte{0x0f})];
  }
  return text;
}

}  // namespace bp2p
