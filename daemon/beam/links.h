// The links of the daemon as the rest of it sees them: messages on the link stream, and streams that find their
// channel. Sits between the QUIC connections and the core.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/beam/dist_pipe.h"
#include "daemon/quic/endpoint.h"

namespace bp2p {

/// Who decides: the driver of the core. Called outside of ngtcp2's callbacks.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  virtual void on_link_opened(LinkId link, const LinkFacts& facts) = 0;
  virtual void on_link_message(LinkId link, LinkStream on, ByteView message) = 0;
  /// What waits on the overlay stream has fallen below the mark, to `bytes`.
  virtual void on_link_backlog(LinkId link, std::size_t bytes) = 0;
  virtual void on_link_closed(LinkId link, const LinkEnd& why) = 0;
  virtual void on_dial_failed(DialId dial, DialError why, const std::string& text) = 0;
};

class Links final : public quic::ConnectionUser {
 public:
  /// `overlay_backlog_low`: bytes on an overlay stream below which on_link_backlog is said.
  Links(LinkListener& listener, std::size_t overlay_backlog_low);
  ~Links() override;
  void set_endpoint(quic::Endpoint& endpoint) { endpoint_ = &endpoint; }

  void dial(DialId dial, const Address& to);
  void cancel_dial(DialId dial);
  void send(LinkId link, ByteView message);
  void send_on_overlay(LinkId link, ByteView message);
  void admit(LinkId link);
  void close(LinkId link, LinkCode code, const std::string& text);
  quic::Connection* connection(LinkId link);
  /// Every link says goodbye; for a clean stop. `then` runs when all that was to be said has been, or its time is up.
  void close_all(LinkCode code, const std::string& text, std::function<void()> then);

  /// Streams of the channel find the pipe until it is taken out.
  void add_pipe(LinkId link, DistPipe& pipe);
  void remove_pipe(LinkId link, std::uint64_t channel);

  // quic::ConnectionUser
  void on_connected(quic::Connection& connection) override;
  void on_stream_opened(quic::Connection& connection, quic::Stream& stream) override;
  void on_packets_read(quic::Connection& connection) override;
  void on_ended(quic::Connection& connection, const LinkEnd& why) override;
  void on_dial_failed(quic::Connection& connection, DialError why, const std::string& text) override;
  void on_buried(quic::Connection& connection) override;

 private:
  struct Link;
  Link& link_of(quic::Connection& connection);
  void announce(Link& link);

  LinkListener& listener_;
  std::size_t overlay_backlog_low_;
  quic::Endpoint* endpoint_ = nullptr;
  std::unordered_map<LinkId, std::unique_ptr<Link>> links_;
  std::map<LinkId, DialId> dials_;
};

}  // namespace bp2p
