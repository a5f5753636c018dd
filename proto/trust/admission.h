// The HELLO of a link: made for one side of one connection, and checked against all that TLS has proven.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/trust/peer_record.h"
#include "proto/trust/signing.h"
#include "proto/wire/codes.h"
#include "proto/wire/peer_messages.h"

namespace bp2p {

/// Of QUIC. What a client has signed is never good for a server (I4: no reflection).
enum class Role : char { client = 'c', server = 's' };
constexpr Role other(Role role) { return role == Role::client ? Role::server : Role::client; }

/// Our HELLO on a connection where we are `role`.
peer::Hello make_hello(Role role, const Exporter& exporter, std::string_view cluster, Bytes record,
                       const Signing& signing);

struct HelloRules {
  PublicKey peer_key;    ///< proven by TLS
  Role peer_role;
  Exporter exporter;     ///< of this connection
  std::string_view cluster;
  WallTime now;
};

struct HelloRefusal {
  LinkCode code;
  std::string_view text;
};

/// Checks, cheapest first: version, that it is not ourselves, cluster, the record, the binding to this connection.
/// What comes back says who the peer is; which of its names are believed is decided by proto/trust/pins.h.
std::expected<VerifiedRecord, HelloRefusal> check_hello(const peer::Hello& hello, const HelloRules& rules,
                                                        const Signing& signing);

/// The code with which a link is closed over a bad record.
LinkCode link_code(RecordError error);

}  // namespace bp2p
