// What the protocol needs of cryptography. The daemon gives it libsodium; a simulation may give it less.
#pragma once
#include <string>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"

namespace bp2p {

/// Deterministic: Ed25519 (RFC 8032) draws nothing.
class Signing {
 public:
  virtual ~Signing() = default;
  virtual const PublicKey& own_key() const = 0;
  /// Signs with our identity key.
  virtual Signature sign(ByteView message) const = 0;
  virtual bool verify(const PublicKey& key, ByteView message, const Signature& signature) const = 0;
  /// A key as people see it in events: `SHA256:…` from a daemon; hexadecimal where nobody hashes.
  virtual std::string show(const PublicKey& key) const;
};

/// Where tokens and tickets come from: the system's entropy, or a seed in a simulation.
class Secrets {
 public:
  virtual ~Secrets() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};

}  // namespace bp2p
