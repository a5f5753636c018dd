// First contact: what to do with a datagram that belongs to no connection, decided without keeping any state about
// its sender. Nothing a stranger sends may cost more than it cost the stranger, within a constant.
#pragma once
#include <ngtcp2/ngtcp2.h>

#include <cstdint>
#include <optional>

#include "daemon/files/reset_key.h"
#include "daemon/net/udp_socket.h"
#include "proto/base/now.h"
#include "proto/base/token_bucket.h"
#include "proto/trust/signing.h"

namespace bp2p::quic {

struct GateOptions {
  std::uint32_t half_open_max = 1000;
  std::uint32_t retry_above = 100;  ///< half-open connections from which on a sender must show it can receive
  std::uint32_t handshakes_per_second = 200;
  std::uint32_t links_max = 4096;
};

struct GateCounters {
  std::uint64_t garbage = 0, version_negotiations = 0, retries = 0, resets = 0, refused = 0, bad_tokens = 0,
                accepted = 0, over_rate = 0;
};

class Gate {
 public:
  enum class Answer : std::uint8_t {
    ignore,
    accept,  ///< make a connection of `header`
    reply,   ///< send the first `reply_size` bytes of what was written to `out`, keep nothing
  };
  struct Decision {
    Answer answer = Answer::ignore;
    ngtcp2_pkt_hd header{};
    std::optional<ngtcp2_cid> original_id;
    std::size_t reply_size = 0;
  };

  Gate(const GateOptions& options, const ResetKey& key, Secrets& secrets);

  /// A datagram whose destination id is nobody's. `version_cid` is its decoded invariant header (RFC 8999);
  /// `wants_version` that its version is not one of ours.
  Decision decide(const Datagram& datagram, const ngtcp2_version_cid& version_cid, bool wants_version,
                  std::size_t half_open, std::size_t links, ngtcp2_tstamp now, std::span<std::byte> out);

  /// A Retry for this Initial: the sender has to show that it receives what we send to its address.
  Decision retry(const Datagram& datagram, const ngtcp2_pkt_hd& header, ngtcp2_tstamp now, std::span<std::byte> out);

  void make_reset_token(const ngtcp2_cid& id, std::uint8_t* token) const;
  const GateCounters& counters() const { return counters_; }

 private:
  Decision on_initial(const Datagram& datagram, const ngtcp2_pkt_hd& header, std::size_t half_open, std::size_t links,
                      ngtcp2_tstamp now, std::span<std::byte> out);
  Decision reset(const Datagram& datagram, const ngtcp2_version_cid& version_cid, ngtcp2_tstamp now,
                 std::span<std::byte> out);
  Decision refuse(const ngtcp2_pkt_hd& header, std::uint64_t code, std::span<std::byte> out);

  GateOptions options_;
  ResetKey key_;
  Secrets& secrets_;
  TokenBucket handshakes_;
  // Packets a second to strangers about whom nothing is kept. Each kind has its own, so that a flood of one cannot
  // silence another: a Retry is the way in while a flood goes on, costs no state and is smaller than what it answers.
  TokenBucket retries_{5000, 5000}, resets_{200, 200}, stateless_{200, 200};
  GateCounters counters_;
};

}  // namespace bp2p::quic
