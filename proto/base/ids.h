// Distinct types for the numbers and keys that name things, so that one cannot be passed for another.
#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

namespace bp2p {

/// A number that names one thing of kind Tag within this daemon's life. Never reused.
template <class Tag>
struct Id {
  std::uint64_t value = 0;
  friend auto operator<=>(Id, Id) = default;
};

using LinkId = Id<struct LinkTag>;
/// A connection on the node socket: a node's session, or the local end ("leg") of a channel.
using SessionId = Id<struct SessionTag>;
using DialId = Id<struct DialTag>;
using ResolveId = Id<struct ResolveTag>;

/// Bytes of a fixed size with a meaning: keys, tokens, signatures.
template <class Tag, std::size_t N>
struct FixedBytes {
  static constexpr std::size_t size = N;
  std::array<std::byte, N> bytes{};
  friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
  bool is_zero() const { return bytes == std::array<std::byte, N>{}; }
};

using PublicKey = FixedBytes<struct PublicKeyTag, 32>;        // Ed25519
using Signature = FixedBytes<struct SignatureTag, 64>;        // Ed25519
using SessionToken = FixedBytes<struct SessionTokenTag, 32>;  // secret
using Ticket = FixedBytes<struct TicketTag, 16>;              // secret
using Exporter = FixedBytes<struct ExporterTag, 32>;          // of one TLS connection

}  // namespace bp2p

template <class Tag>
struct std::hash<bp2p::Id<Tag>> {
  std::size_t operator()(bp2p::Id<Tag> id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};

/// Keys and random tokens are uniform already. Not for tables whose keys strangers choose.
template <class Tag, std::size_t N>
struct std::hash<bp2p::FixedBytes<Tag, N>> {
  std::size_t operator()(const bp2p::FixedBytes<Tag, N>& fixed) const noexcept {
    std::size_t first = 0;
    std::memcpy(&first, fixed.bytes.data(), sizeof first);
    return first;
  }
};
