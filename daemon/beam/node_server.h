// The node socket: the Unix socket where Erlang nodes attach. Reads frames and hands them on; what they mean is
// the core's business (docs/wire.md 1). A connection that becomes a channel is taken out of here.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "daemon/net/unix_socket.h"
#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/core/core.h"

namespace bp2p {

class NodeListener {
 public:
  virtual ~NodeListener() = default;
  virtual void on_session_opened(SessionId session, const Credentials& who) = 0;
  virtual void on_session_frame(SessionId session, ByteView frame) = 0;
  /// A frame too long to be read is announced; the connection closes.
  virtual void on_session_overflow(SessionId session, std::uint64_t length) = 0;
  virtual void on_session_closed(SessionId session) = 0;
};

class NodeServer {
 public:
  struct Options {
    std::filesystem::path path;
    std::string group;             ///< empty: only root and the daemon's own user may attach
    std::optional<int> listen_fd;  ///< from socket activation
  };
  static constexpr std::size_t connections_max = 4096;

  /// Listens (daemon/net/unix_socket.h says how); throws std::runtime_error with a plain sentence.
  NodeServer(boost::asio::io_context& io, const Options& options, NodeListener& listener);
  ~NodeServer();
  void start();
  /// No new connections; the socket's file goes away unless it is systemd's.
  void stop_listening();

  void send(SessionId session, ByteView frame);
  /// Closes once what was sent has left.
  void close(SessionId session);
  struct Taken {
    int fd;       ///< non-blocking; the caller's now
    Bytes unread;  ///< what was read beyond the last frame
  };
  std::optional<Taken> take(SessionId session);
  std::uint64_t refused() const { return refused_; }

 private:
  struct Connection;
  bool accept();
  void wait_to_read(Connection& connection);
  void read(SessionId id);
  void write(Connection& connection);
  bool may_attach(int fd, std::uint32_t uid, std::uint32_t gid) const;
  void drop(SessionId id, bool tell);

  boost::asio::io_context& io_;
  Options options_;
  NodeListener& listener_;
  std::optional<std::uint32_t> group_id_;
  std::optional<UnixListener> own_;  // none: the listening socket is systemd's
  boost::asio::posix::stream_descriptor acceptor_;
  boost::asio::steady_timer pause_;
  std::unordered_map<SessionId, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_ = 0, refused_ = 0;
};

}  // namespace bp2p
