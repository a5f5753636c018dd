#include "daemon/quic/gate.h"

#include <ngtcp2/ngtcp2_crypto.h>

#include <array>

#include "daemon/net/sockaddr.h"

namespace bp2p::quic {
namespace {

// RFC 9000 section 14.1: an Initial of a client fills 1,200 bytes; what is smaller cannot be one, and a larger answer
// to it would amplify.
constexpr std::size_t initial_bytes_min = 1200;
// A token answers a Retry at once or not at all.
constexpr ngtcp2_duration retry_token_life = 10 * NGTCP2_SECONDS;
// RFC 9000 section 10.3: a reset looks like a short packet: 5 bytes unpredictable, 16 of token at least.
constexpr std::size_t reset_bytes_min = 21, reset_bytes_max = 43;
constexpr std::array<std::uint32_t, 1> versions{NGTCP2_PROTO_VER_V1};

std::uint8_t* raw(std::span<std::byte> bytes) { return reinterpret_cast<std::uint8_t*>(bytes.data()); }
const std::uint8_t* raw(const ResetKey& key) { return reinterpret_cast<const std::uint8_t*>(key.data()); }

TimePoint as_time(ngtcp2_tstamp now) { return TimePoint{Duration{static_cast<std::int64_t>(now)}}; }

}  // namespace

Gate::Gate(const GateOptions& options, const ResetKey& key, Secrets& secrets)
    : options_(options),
      key_(key),
      secrets_(secrets),
      handshakes_(options.handshakes_per_second, options.handshakes_per_second) {}

Gate::Decision Gate::decide(const Datagram& datagram, const ngtcp2_version_cid& version_cid, bool wants_version,
                            std::size_t half_open, std::size_t links, ngtcp2_tstamp now, std::span<std::byte> out) {
  if (wants_version) {
    if (datagram.bytes.size() < initial_bytes_min || !stateless_.take(as_time(now))) return {};
    std::array<std::byte, 1> random;
    secrets_.fill(random);
    const ngtcp2_ssize size = ngtcp2_pkt_write_version_negotiation(
        raw(out), out.size(), std::to_integer<std::uint8_t>(random[0]), version_cid.scid, version_cid.scidlen,
        version_cid.dcid, version_cid.dcidlen, versions.data(), versions.size());
    if (size <= 0) return {};
    ++counters_.version_negotiations;
    return {Answer::reply, {}, {}, static_cast<std::size_t>(size)};
  }
  if (version_cid.version == 0) return reset(datagram, version_cid, now, out);

  ngtcp2_pkt_hd header{};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(datagram.bytes.data());
  if (datagram.bytes.size() < initial_bytes_min || ngtcp2_accept(&header, bytes, datagram.bytes.size()) != 0) {
    ++counters_.garbage;
    return {};
  }
  return on_initial(datagram, header, half_open, links, now, out);
}

Gate::Decision Gate::on_initial(const Datagram& datagram, const ngtcp2_pkt_hd& header, std::size_t half_open,
                                std::size_t links, ngtcp2_tstamp now, std::span<std::byte> out) {
  if (half_open >= options_.half_open_max || links >= options_.links_max) {
    ++counters_.refused;
    return stateless_.take(as_time(now)) ? refuse(header, NGTCP2_CONNECTION_REFUSED, out) : Decision{};
  }
  std::optional<ngtcp2_cid> original;
  if (header.tokenlen > 0 && header.token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
    const sockaddr_in6 from = to_sockaddr6(datagram.from);
    ngtcp2_cid id{};
    if (ngtcp2_crypto_verify_retry_token2(&id, header.token, header.tokenlen, raw(key_), key_.size(), header.version,
                                          reinterpret_cast<const ngtcp2_sockaddr*>(&from), sizeof from, &header.dcid,
                                          retry_token_life, now) != 0) {
      ++counters_.bad_tokens;
      return stateless_.take(as_time(now)) ? refuse(header, NGTCP2_INVALID_TOKEN, out) : Decision{};
    }
    original = id;
  } else if (half_open >= options_.retry_above) {
    return retry(datagram, header, now, out);
  }
  if (!handshakes_.take(as_time(now))) {
    ++counters_.over_rate;
    return {};
  }
  ++counters_.accepted;
  return {Answer::accept, header, original, 0};
}

Gate::Decision Gate::retry(const Datagram& datagram, const ngtcp2_pkt_hd& header, ngtcp2_tstamp now,
                           std::span<std::byte> out) {
  if (!retries_.take(as_time(now))) return {};
  ngtcp2_cid id{};
  id.datalen = NGTCP2_MAX_CIDLEN - 2;
  secrets_.fill(std::as_writable_bytes(std::span{id.data, id.datalen}));
  const sockaddr_in6 from = to_sockaddr6(datagram.from);
  std::array<std::uint8_t, NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2> token{};
  const ngtcp2_ssize token_size = ngtcp2_crypto_generate_retry_token2(
      token.data(), raw(key_), key_.size(), header.version, reinterpret_cast<const ngtcp2_sockaddr*>(&from),
      sizeof from, &id, &header.dcid, now);
  if (token_size < 0) return {};
  const ngtcp2_ssize size = ngtcp2_crypto_write_retry(raw(out), out.size(), header.version, &header.scid, &id,
                                                      &header.dcid, token.data(), static_cast<std::size_t>(token_size));
  if (size <= 0) return {};
  ++counters_.retries;
  return {Answer::reply, {}, {}, static_cast<std::size_t>(size)};
}

Gate::Decision Gate::refuse(const ngtcp2_pkt_hd& header, std::uint64_t code, std::span<std::byte> out) {
  const ngtcp2_ssize size = ngtcp2_crypto_write_connection_close(raw(out), out.size(), header.version, &header.scid,
                                                                 &header.dcid, code, nullptr, 0);
  if (size <= 0) return {};
  return {Answer::reply, {}, {}, static_cast<std::size_t>(size)};
}

/// A packet of a connection that we do not know, most likely from before a restart of ours: the peer learns it in one
/// round trip instead of an idle time-out.
Gate::Decision Gate::reset(const Datagram& datagram, const ngtcp2_version_cid& version_cid, ngtcp2_tstamp now,
                           std::span<std::byte> out) {
  // Smaller than what it answers, or two daemons could answer each other's resets for ever.
  const std::size_t room = std::min({datagram.bytes.size() - 1, reset_bytes_max, out.size()});
  if (room < reset_bytes_min || version_cid.dcidlen > NGTCP2_MAX_CIDLEN || !resets_.take(as_time(now))) return {};
  ngtcp2_cid id{};
  ngtcp2_cid_init(&id, version_cid.dcid, version_cid.dcidlen);
  std::array<std::uint8_t, NGTCP2_STATELESS_RESET_TOKENLEN> token{};
  make_reset_token(id, token.data());
  std::array<std::uint8_t, reset_bytes_max> random{};
  secrets_.fill(std::as_writable_bytes(std::span{random}));
  const ngtcp2_ssize size = ngtcp2_pkt_write_stateless_reset(raw(out), room, token.data(), random.data(),
                                                             room - NGTCP2_STATELESS_RESET_TOKENLEN);
  if (size <= 0) return {};
  ++counters_.resets;
  return {Answer::reply, {}, {}, static_cast<std::size_t>(size)};
}

void Gate::make_reset_token(const ngtcp2_cid& id, std::uint8_t* token) const {
  ngtcp2_crypto_generate_stateless_reset_token(token, raw(key_), key_.size(), &id);
}

}  // namespace bp2p::quic
