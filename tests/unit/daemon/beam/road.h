// A channel between two daemons' data roads, for tests: real links over loopback, and a socket pair in the place of each
// node. The handshake is as long as a real one and as empty as it may be.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "daemon/beam/dist_pipe.h"
#include "daemon/beam/links.h"
#include "daemon/clock.h"
#include "daemon/crypto.h"
#include "daemon/entropy.h"
#include "daemon/quic/endpoint.h"
#include "proto/dist/handshake.h"

namespace bp2p::test {

/// The test's end of a node's socket; the other end goes to a pipe.
class Node {
 public:
  Node() {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
    fd_ = fds[0];
    daemons_end_ = fds[1];
  }
  ~Node() { close(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  int take_daemons_end() { return std::exchange(daemons_end_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// As much as the socket takes; how much that was.
  std::size_t write(ByteView bytes) {
    const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }
  void frame(ByteView payload) {
    const Bytes whole = Writer{}.u32(static_cast<std::uint32_t>(payload.size())).raw(payload).take();
    ASSERT_EQ(write(whole), whole.size());
  }
  /// What the daemon has written, up to `most` bytes more.
  void read(std::size_t most = SIZE_MAX) {
    std::array<std::byte, 65536> room;
    while (most > 0) {
      const ssize_t size = ::recv(fd_, room.data(), std::min(room.size(), most), MSG_DONTWAIT);
      if (size == 0) is_ended = true;
      if (size <= 0) return;
      received.insert(received.end(), room.begin(), room.begin() + size);
      most -= static_cast<std::size_t>(size);
    }
  }

  Bytes received;
  bool is_ended = false;

 private:
  int fd_ = -1, daemons_end_ = -1;
};

/// Both nodes introduce themselves, as `say(from, to, payload)`, and forget what they heard.
template <class Say>
void shake_hands(Node& a, std::string_view name_a, Node& b, std::string_view name_b, const Say& say) {
  using dist::Handshake;
  constexpr std::uint64_t flags = Handshake::fragments | Handshake::send_sender | 0x1'0000'0004ULL;
  say(a, b, Writer{}.u8('N').u64(flags).u32(7).text16(name_a).take());
  say(b, a, Writer{}.u8('s').raw(as_bytes("ok")).take());
  say(b, a, Writer{}.u8('N').u64(flags).u32(12345).u32(7).text16(name_b).take());
  say(a, b, Writer{}.u8('r').raw(Bytes(20)).take());
  say(b, a, Writer{}.u8('a').raw(Bytes(16)).take());
  a.received.clear();
  b.received.clear();
}

/// One daemon's half, with an event loop of its own so that it can stand still while the other runs.
class Host final : public LinkListener, public PipeOwner {
 public:
  explicit Host(const quic::TransportOptions& transport)
      : endpoint(io, {.listen = {*Address::parse("127.0.0.1:0")}, .socket = {}, .transport = transport, .gate = {}}, tls,
                 ResetKey{}, secrets, links) {
    links.set_endpoint(endpoint);
    endpoint.start();
  }
  ~Host() override {
    if (link) links.remove_pipe(*link, 1);
  }

  /// The channel with number 1, of which `node` is this side's node.
  void start(Node& node, bool opened_here, const DistPipe::Options& options) {
    const NodeName dialler = *NodeName::parse("a@one"), acceptor = *NodeName::parse("b@two");
    const StartChannel channel{.leg = SessionId{1}, .link = *link, .channel = 1, .opened_here = opened_here,
                               .names = opened_here ? ChannelNames{dialler, acceptor} : ChannelNames{acceptor, dialler}};
    pipe.emplace(io, node.take_daemons_end(), ByteView{}, channel.leg, *links.connection(*link), channel, options, *this);
    links.add_pipe(*link, *pipe);
    pipe->start();
  }

  /// Only this side runs.
  bool run_until(const std::function<bool()>& is_so, Duration patience = std::chrono::seconds{10}) {
    const TimePoint deadline = steady_now() + patience;
    while (!is_so()) {
      if (steady_now() >= deadline) return false;
      io.run_for(std::chrono::milliseconds{1});
    }
    return true;
  }

  void on_link_opened(LinkId opened, const LinkFacts&) override {
    link = opened;
    links.admit(opened);
  }
  void on_link_message(LinkId, LinkStream on, ByteView message) override {
    if (on == LinkStream::overlay) overlay_messages.emplace_back(message.begin(), message.end());
  }
  void on_link_backlog(LinkId, std::size_t) override {}
  void on_link_closed(LinkId, const LinkEnd& why) override { closed = why.text; }
  void on_dial_failed(DialId, DialError, const std::string&) override {}
  void on_node_named(SessionId, const NodeName&) override {}
  void on_pipe_over(SessionId, const std::string& why) override {
    over = why;
    if (link) links.remove_pipe(*link, 1);
  }

  boost::asio::io_context io{1};
  SystemSecrets secrets;
  KeyPair keys = KeyPair::generate();
  quic::Tls tls{keys.seed()};
  Links links{*this, 128 * 1024};
  quic::Endpoint endpoint;
  std::optional<LinkId> link;
  std::optional<DistPipe> pipe;
  std::optional<std::string> closed;  ///< why the link was
  std::vector<Bytes> overlay_messages;
  std::optional<std::string> over;  ///< why the pipe ended; empty: in good order
};

class Road {
 public:
  explicit Road(const DistPipe::Options& options = {}, const quic::TransportOptions& transport = {}) : a(transport), b(transport) {
    a.links.dial(DialId{1}, b.endpoint.listening().front());
    // The client's link stream reaches the server with the first message on it.
    EXPECT_TRUE(run_until([&] { return a.link.has_value(); }));
    a.links.send(*a.link, as_bytes("hello"));
    EXPECT_TRUE(run_until([&] { return b.link.has_value(); }));
    b.start(node_b, false, options);
    a.start(node_a, true, options);
  }

  bool run_until(const std::function<bool()>& is_so, Duration patience = std::chrono::seconds{10}) {
    const TimePoint deadline = steady_now() + patience;
    while (!is_so()) {
      if (steady_now() >= deadline) return false;
      a.io.run_for(std::chrono::milliseconds{1});
      b.io.run_for(std::chrono::milliseconds{1});
    }
    return true;
  }

  /// Until `node` has been given `size` bytes in all.
  bool receives(Node& node, std::size_t size) {
    return run_until([&] {
      node.read();
      return node.received.size() >= size;
    });
  }

  void shake_hands() {
    test::shake_hands(node_a, "a@one", node_b, "b@two", [this](Node& from, Node& to, const Bytes& payload) {
      const std::size_t before = to.received.size();
      from.frame(payload);
      ASSERT_TRUE(receives(to, before + 4 + payload.size()));
    });
  }

  Node node_a, node_b;
  Host a, b;  // a dials
};

}  // namespace bp2p::test
