// HTTP and JSON on the control socket, for the command line and for `curl --unix-socket`. It runs on the daemon's
// one io_context, so an answer is the state between two inputs of the core.
//
// Bounds: 32 connections (more are closed at once), 8 KiB of header, 4 KiB of body, 5 s for a request to arrive and 5 s for
// its answer to leave; an answer that takes seconds (`/v1/graph/cluster`) has no limit of its own here. Eight connections may follow events: each event is a line of JSON in a chunk of an answer without
// end. One that has 256 KiB waiting, or takes nothing for 5 s, is closed.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "daemon/control/routes.h"
#include "proto/base/now.h"

namespace bp2p::control {

struct ServerLimits {
  std::size_t connections_max = 32;
  std::uint32_t header_bytes_max = 8 * 1024;
  std::uint64_t body_bytes_max = 4 * 1024;
  Duration patience = std::chrono::seconds{5};
  std::size_t followers_max = 8;
  std::size_t unsent_events_max = 256 * 1024;  ///< bytes, of one follower
};

class Server {
 public:
  /// Listens (daemon/net/unix_socket.h says how). The error is one sentence.
  static std::expected<std::unique_ptr<Server>, std::string> listen(boost::asio::io_context& io,
                                                                    const std::filesystem::path& path, Routes routes,
                                                                    ServerLimits limits = {}, unsigned mode = 0660);
  /// Closes every connection and removes the socket's file, if it is still its own.
  ~Server();

  /// To those who follow events of this severity.
  void tell(Severity severity, const std::string& json);

  std::size_t connections() const;
  std::size_t followers() const;
  std::uint64_t followers_dropped() const;  ///< because they were slow
  std::uint64_t refused() const;  ///< connections beyond the limit

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace bp2p::control
