// Keys that are numbers, and payloads that say whose they are.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

#include "proto/base/bytes.h"
#include "proto/gossip/messages.h"

namespace bp2p::gossip::test {

inline PublicKey key_of(std::size_t daemon) {
  PublicKey key;
  store_be(key.bytes.data(), (daemon + 1) * 0x9e3779b97f4a7c15ULL);  // spread, as keys are
  store_be(key.bytes.data() + 8, std::uint64_t{daemon});
  return key;
}
inline std::size_t daemon_of(const PublicKey& key) { return load_be<std::uint64_t>(key.bytes.data() + 8); }

/// Its first 48 bytes say whose it is: what a signature proves elsewhere.
inline Payload payload_of(const OriginId& origin, std::uint64_t number, std::size_t size = 200) {
  Writer writer;
  writer.raw(origin.key.bytes).u64(origin.epoch).u64(number);
  Bytes bytes = writer.take();
  bytes.resize(std::max(size, bytes.size()));
  return std::make_shared<const Bytes>(std::move(bytes));
}
inline bool is_genuine(const OriginId& origin, std::uint64_t number, ByteView payload) {
  Reader reader{payload};
  const ByteView key = reader.take(32);
  return std::ranges::equal(key, origin.key.bytes) && reader.u64() == origin.epoch && reader.u64() == number &&
         !reader.failed();
}
inline std::size_t size_of(const Message& message) {
  if (const auto* gossip = std::get_if<Gossip>(&message)) return gossip->payload->size() + 64;
  if (const auto* ihave = std::get_if<IHave>(&message)) return 8 + ihave->holdings.size() * 56;
  if (const auto* summary = std::get_if<Summary>(&message)) return 8 + summary->holdings.size() * 56;
  return 64;
}

}  // namespace bp2p::gossip::test
