// What we say of ourselves: re-signed when the names served here change, and before it expires.
#pragma once
#include <cstdint>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/trust/signing.h"
#include "proto/wire/peer_messages.h"

namespace bp2p {

class OwnRecord {
 public:
  OwnRecord(std::string cluster, std::uint64_t epoch, std::vector<Address> addresses, const Signing& signing);

  /// The names have changed: what is signed from now on has the next number.
  void set_names(std::vector<NodeName> names);
  /// The same for the addresses; false: they are what they were.
  bool set_addresses(std::vector<Address> addresses);
  /// The signed record, signed anew when the names changed, half its life is over, or the wall clock was set so
  /// that a peer would refuse it.
  const Bytes& at(WallTime now);
  std::uint64_t number() const { return body_.number; }
  const peer::RecordBody& body() const { return body_; }
  /// How long after signing it is due to be signed again.
  static constexpr Duration refresh_after = std::chrono::hours{12};

 private:
  const Signing& signing_;
  peer::RecordBody body_;
  Bytes signed_;
  bool changed_ = true;
};

}  // namespace bp2p
