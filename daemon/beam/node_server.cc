#include "daemon/beam/node_server.h"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include "proto/wire/limits.h"

namespace bp2p {
namespace {
using boost::asio::posix::stream_descriptor;

constexpr std::size_t read_bytes = 64 * 1024;
// What a session that does not read may leave with us before it is closed.
constexpr std::size_t unsent_max = 16u << 20;
constexpr int listen_backlog = 512;
constexpr auto accept_pause = std::chrono::milliseconds{100};
// How long a node has to read why it was refused.
constexpr auto farewell = std::chrono::seconds{5};
constexpr std::byte attached_type{2};  // docs/wire.md 1

UnixListener listener_at(const std::filesystem::path& path, std::optional<std::uint32_t> group) {
  const mode_t mode = group ? 0660 : 0600;
  auto listener = listen_at(path, {.mode = mode, .group = group, .backlog = listen_backlog});
  if (!listener) throw std::runtime_error("node socket " + listener.error());
  return std::move(*listener);
}

std::optional<std::uint32_t> find_group(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const group* found = ::getgrnam(name.c_str());
  if (found == nullptr) throw std::runtime_error("host.node_socket_group: there is no group " + name);
  return found->gr_gid;
}

}  // namespace

struct NodeServer::Connection {
  Connection(boost::asio::io_context& io, SessionId session, int fd) : id(session), socket(io, fd) {}
  SessionId id;
  stream_descriptor socket;
  Bytes in, out;
  std::size_t frame_max = limits::first_frame_bytes_max;
  bool waits_to_write = false, closes = false, in_read = false;
};

NodeServer::NodeServer(boost::asio::io_context& io, const Options& options, NodeListener& listener)
    : io_(io), options_(options), listener_(listener), group_id_(find_group(options.group)), acceptor_(io), pause_(io) {
  if (!options.listen_fd) own_ = listener_at(options.path, group_id_);
  acceptor_.assign(own_ ? own_->fd : *options.listen_fd);
}

NodeServer::~NodeServer() { stop_listening(); }

void NodeServer::stop_listening() {
  if (!acceptor_.is_open()) return;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  if (own_) remove_file(*own_);
}

void NodeServer::start() {
  acceptor_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    if (accept()) return start();
    // No descriptors left: the connection stays in the queue, and asking again at once would ask for ever.
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) start();
    });
  });
}

bool NodeServer::accept() {
  for (;;) {
    const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (connections_.size() >= connections_max || ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
      ++refused_;
      ::close(fd);
      continue;
    }
    const SessionId id{++last_};
    auto connection = std::make_unique<Connection>(io_, id, fd);
    Connection& made = *connection;
    connections_.emplace(id, std::move(connection));
    Credentials who;
    who.uid = peer.uid;
    who.gid = peer.gid;
    who.pid = peer.pid;
    who.may_attach = may_attach(fd, peer.uid, peer.gid);
    listener_.on_session_opened(id, who);
    if (connections_.contains(id)) wait_to_read(made);
  }
}

bool NodeServer::may_attach(int fd, std::uint32_t uid, std::uint32_t gid) const {
  if (uid == 0 || uid == ::geteuid()) return true;
  if (!group_id_) return false;
  if (gid == *group_id_) return true;
  std::vector<gid_t> groups(256);
  socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  groups.resize(size / sizeof(gid_t));
  for (const gid_t group : groups)
    if (group == *group_id_) return true;
  return false;
}

void NodeServer::wait_to_read(Connection& connection) {
  connection.socket.async_wait(stream_descriptor::wait_read, [this, id = connection.id](const boost::system::error_code& error) {
    if (!error) read(id);
  });
}

void NodeServer::read(SessionId id) {
  const auto entry = connections_.find(id);
  if (entry == connections_.end()) return;
  Connection& connection = *entry->second;
  const std::size_t before = connection.in.size();
  connection.in.resize(before + read_bytes);
  const ssize_t size = ::recv(connection.socket.native_handle(), connection.in.data() + before, read_bytes, MSG_DONTWAIT);
  connection.in.resize(before + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return drop(id, true);
  if (connection.closes) connection.in.clear();  // nobody will look at it

  // A frame may turn this into a channel: what follows it is the channel's, and the connection is gone from here.
  std::size_t at = 0;
  while (connections_.contains(id) && !connection.closes && connection.in.size() - at >= 4) {
    const auto length = load_be<std::uint32_t>(connection.in.data() + at);
    if (length > connection.frame_max) {
      listener_.on_session_overflow(id, length);
      return drop(id, true);
    }
    if (connection.in.size() - at - 4 < length) break;
    const Bytes frame{connection.in.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                      connection.in.begin() + static_cast<std::ptrdiff_t>(at + 4 + length)};
    connection.in.erase(connection.in.begin(), connection.in.begin() + static_cast<std::ptrdiff_t>(at + 4 + length));
    at = 0;
    listener_.on_session_frame(id, frame);
  }
  if (connections_.contains(id)) wait_to_read(connection);
}

void NodeServer::send(SessionId id, ByteView frame) {
  const auto entry = connections_.find(id);
  if (entry == connections_.end() || entry->second->closes) return;
  Connection& connection = *entry->second;
  if (!frame.empty() && frame[0] == attached_type) connection.frame_max = limits::session_frame_bytes_max;
  if (connection.out.size() + frame.size() > unsent_max) {
    boost::asio::post(io_, [this, id] { drop(id, true); });
    return;
  }
  const std::size_t before = connection.out.size();
  connection.out.resize(before + 4);
  store_be(connection.out.data() + before, static_cast<std::uint32_t>(frame.size()));
  connection.out.insert(connection.out.end(), frame.begin(), frame.end());
  write(connection);
}

void NodeServer::write(Connection& connection) {
  if (connection.waits_to_write) return;
  while (!connection.out.empty()) {
    const ssize_t size = ::send(connection.socket.native_handle(), connection.out.data(), connection.out.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return;  // reading tells that it is gone
      connection.waits_to_write = true;
      connection.socket.async_wait(stream_descriptor::wait_write, [this, id = connection.id](const boost::system::error_code& error) {
        const auto entry = connections_.find(id);
        if (error || entry == connections_.end()) return;
        entry->second->waits_to_write = false;
        write(*entry->second);
      });
      return;
    }
    connection.out.erase(connection.out.begin(), connection.out.begin() + size);
  }
  if (connection.closes) {
    // Half closed first, or the kernel throws away what the node has not read yet when it finds bytes of the node's.
    ::shutdown(connection.socket.native_handle(), SHUT_WR);
    boost::asio::post(io_, [this, id = connection.id] { drop(id, false); });
  }
}

void NodeServer::close(SessionId id) {
  const auto entry = connections_.find(id);
  if (entry == connections_.end() || entry->second->closes) return;
  entry->second->closes = true;
  write(*entry->second);
  auto timer = std::make_shared<boost::asio::steady_timer>(io_, farewell);
  timer->async_wait([this, id, timer](const boost::system::error_code&) { drop(id, false); });
}

std::optional<NodeServer::Taken> NodeServer::take(SessionId id) {
  const auto entry = connections_.find(id);
  if (entry == connections_.end() || entry->second->closes || !entry->second->out.empty()) return std::nullopt;
  Connection& connection = *entry->second;
  Taken taken{connection.socket.release(), std::move(connection.in)};
  // The frame that is being read belongs to it: kept until that is over.
  boost::asio::post(io_, [gone = std::shared_ptr<Connection>{std::move(entry->second)}] {});
  connections_.erase(entry);
  return taken;
}

void NodeServer::drop(SessionId id, bool tell) {
  const auto entry = connections_.find(id);
  if (entry == connections_.end()) return;
  const bool was_closing = entry->second->closes;
  boost::asio::post(io_, [gone = std::shared_ptr<Connection>{std::move(entry->second)}] {});
  connections_.erase(entry);
  if (tell && !was_closing) listener_.on_session_closed(id);
}

}  // namespace bp2p
