// TLS 1.3 for QUIC: our identity as a self-signed certificate, and a peer proven by its key alone. Names, dates and
// issuers in certificates mean nothing here; the handshake's CertificateVerify is the proof (RFC 8446 section 4.4.3).
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "proto/base/ids.h"

namespace bp2p::quic {

inline constexpr std::string_view alpn = "barrel-p2p/1";

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

class Tls {
 public:
  /// `seed`: the 32 bytes of the Ed25519 private key. Throws std::runtime_error when OpenSSL cannot.
  explicit Tls(std::span<const std::byte, 32> seed);

  SslPtr new_server_session() const;
  SslPtr new_client_session() const;

 private:
  struct CtxFree {
    void operator()(SSL_CTX* ctx) const { SSL_CTX_free(ctx); }
  };
  std::unique_ptr<SSL_CTX, CtxFree> server_, client_;
};

/// The peer's Ed25519 key, once the handshake is complete; none when it showed no such certificate.
std::optional<PublicKey> peer_key(SSL* ssl);
/// 32 bytes that only the two ends of this TLS connection know (docs/wire.md 2.1).
std::optional<Exporter> hello_exporter(SSL* ssl);
/// The protocol agreed on is ours.
bool speaks_our_alpn(SSL* ssl);

}  // namespace bp2p::quic
