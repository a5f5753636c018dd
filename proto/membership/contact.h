// What membership knows of a peer. Third parties only ever appear as such contacts: the record in one is signed by the
// peer itself and was verified by the core, so nobody can be spoken for by another.
#pragma once
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/ids.h"

namespace bp2p::membership {

struct Contact {
  PublicKey key;
  std::uint64_t epoch = 0;   ///< boot epoch: larger at every start of the daemon
  std::uint64_t number = 0;  ///< of the record within the epoch
  std::shared_ptr<const Bytes> record{};  ///< `key:32 signature:64 body`, handed on as it is
  std::vector<Address> addresses{};
};

/// Never null. Immutable and shared: views, book and messages in flight hold the same one.
using ContactPtr = std::shared_ptr<const Contact>;

/// Of one key's records the highest (epoch, number) counts; an equal one is no news.
inline bool is_newer(const Contact& contact, const Contact& than) {
  return std::tie(contact.epoch, contact.number) > std::tie(than.epoch, than.number);
}

}  // namespace bp2p::membership
