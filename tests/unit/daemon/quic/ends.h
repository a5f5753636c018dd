// Two endpoints on loopback, for tests: each with its own event loop, so that one can stand still while the other runs.
#pragma once
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>

#include "daemon/clock.h"
#include "daemon/crypto.h"
#include "daemon/entropy.h"
#include "daemon/quic/endpoint.h"

namespace bp2p::quic {

/// Takes everything, credits it at once and remembers what it was told.
struct Taker final : StreamUser {
  Connection* connection = nullptr;
  Bytes bytes;
  bool is_ended = false, is_gone = false;
  bool abandons_what_is_reset = false;
  int times_gone = 0;
  std::optional<std::uint64_t> reset_code;

  void on_bytes(Stream& stream, ByteView more, bool is_last) override {
    bytes.insert(bytes.end(), more.begin(), more.end());
    is_ended = is_ended || is_last;
    connection->credit(stream, more.size());
  }
  void on_acknowledged(Stream&) override {}
  void on_reset(Stream& stream, std::uint64_t code) override {
    reset_code = code;
    if (abandons_what_is_reset) connection->abandon(stream, 0);
  }
  void on_gone(Stream&) override {
    is_gone = true;
    ++times_gone;
  }
};

/// One daemon's worth of QUIC. Admits whoever comes.
struct End final : ConnectionUser {
  explicit End(const TransportOptions& transport = {}, const Address& listen = *Address::parse("127.0.0.1:0"))
      : endpoint(io, {.listen = {listen}, .socket = {}, .transport = transport, .gate = {}}, tls, ResetKey{}, secrets, *this) {
    endpoint.start();
  }

  boost::asio::io_context io{1};
  SystemSecrets secrets;
  KeyPair keys = KeyPair::generate();
  Tls tls{keys.seed()};
  Taker taker;
  Connection* connection = nullptr;
  std::optional<LinkEnd> end;
  std::optional<DialError> dial_error;
  int streams_opened = 0, buried = 0;
  Endpoint endpoint;

  Address address() const { return endpoint.listening().front(); }

  void on_connected(Connection& made) override {
    connection = &made;
    taker.connection = &made;
    made.admit();
  }
  void on_stream_opened(Connection&, Stream& stream) override {
    ++streams_opened;
    stream.user = &taker;
  }
  void on_packets_read(Connection&) override {}
  void on_ended(Connection&, const LinkEnd& why) override { end = why; }
  void on_dial_failed(Connection&, DialError why, const std::string&) override { dial_error = why; }
  void on_buried(Connection& gone) override {
    ++buried;
    if (connection == &gone) connection = nullptr;
  }
};

/// Runs the ends' loops in turn until `is_so`, or false after `patience`.
inline bool run_until(const std::vector<End*>& ends, const std::function<bool()>& is_so,
                      Duration patience = std::chrono::seconds{10}) {
  const TimePoint deadline = steady_now() + patience;
  while (!is_so()) {
    if (steady_now() >= deadline) return false;
    for (End* end : ends) end->io.run_for(std::chrono::milliseconds{1});
  }
  return true;
}

/// A client and a server with an admitted connection and some credit for streams.
struct Pair {
  explicit Pair(const TransportOptions& server_options = {}) : server(server_options) {
    client.endpoint.dial(server.address());
    is_up = run_until([&] { return client.connection != nullptr && server.connection != nullptr && can_open(); });
  }
  /// The peer's MAX_STREAMS has come.
  bool can_open() {
    if (stream == nullptr) stream = client.connection->open_unidirectional(source, nullptr);
    return stream != nullptr;
  }
  bool run_until(const std::function<bool()>& is_so, Duration patience = std::chrono::seconds{10}) {
    return quic::run_until({&client, &server}, is_so, patience);
  }

  Taker source;  // outlives the streams it uses
  End client, server;
  Stream* stream = nullptr;  // from the client's source to the server's taker
  bool is_up = false;
};

}  // namespace bp2p::quic
