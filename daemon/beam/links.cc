#include "daemon/beam/links.h"

#include <algorithm>

#include "daemon/beam/overlay_stream.h"
#include "daemon/beam/preamble.h"
#include "daemon/log.h"
#include "proto/base/check.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace {
// docs/wire.md 2.1
constexpr std::size_t messages_waiting_max = 1024;
// Before HELLO is accepted: a signed record is 32 KiB at most.
constexpr std::size_t hello_max = 48 * 1024;
// What a peer that does not read its link stream may leave with us.
constexpr std::uint64_t link_queue_max = 8u << 20;
constexpr std::uint64_t stream_code_unknown = 1;
}  // namespace

struct Links::Link final : quic::StreamUser {
  /// A stream of which the first bytes have not all come.
  struct Newcomer final : quic::StreamUser {
    Newcomer(Link& owner, bool is_lane_stream) : link(owner), is_lane(is_lane_stream) {}
    Link& link;
    bool is_lane;
    Bytes head;
    void on_bytes(quic::Stream& from, ByteView bytes, bool is_last) override { link.on_head(*this, from, bytes, is_last); }
    void on_acknowledged(quic::Stream&) override {}
    void on_reset(quic::Stream& from, std::uint64_t) override {
      link.connection.abandon(from, stream_code_unknown);
      link.forget(from);
    }
    void on_gone(quic::Stream& from) override { link.forget(from); }
  };

  Link(quic::Connection& c, std::size_t backlog_low) : connection(c), overlay(c, backlog_low) {}

  quic::Connection& connection;
  quic::Stream* stream = nullptr;
  MessageReader link_reader;
  std::vector<Bytes> messages;
  OverlayStream overlay;
  std::optional<LinkFacts> facts;  // until the listener has been told
  bool is_announced = false;
  bool is_broken = false;  // it sends what cannot be: closed once the packets are read
  bool is_behind = false;  // it takes too little of what we say: closed then, too, but nobody is at fault
  std::unordered_map<std::uint64_t, DistPipe*> pipes;
  std::unordered_map<const quic::Stream*, std::unique_ptr<Newcomer>> newcomers;
  std::vector<std::unique_ptr<Newcomer>> done;  // a newcomer cannot be destroyed while it is running

  void on_bytes(quic::Stream& from, ByteView bytes, bool) override {
    connection.credit(from, bytes.size());
    const std::size_t message_max = connection.is_admitted() ? limits::peer_message_bytes_max : hello_max;
    if (!link_reader.take(bytes, {message_max, messages_waiting_max}, messages)) is_broken = true;
  }
  void on_acknowledged(quic::Stream&) override {}
  void on_reset(quic::Stream&, std::uint64_t) override { is_broken = true; }
  void on_gone(quic::Stream&) override { stream = nullptr; }

  void forget(const quic::Stream& gone) {
    const auto entry = newcomers.find(&gone);
    if (entry == newcomers.end()) return;
    done.push_back(std::move(entry->second));
    newcomers.erase(entry);
  }

  void on_head(Newcomer& newcomer, quic::Stream& from, ByteView bytes, bool is_last) {
    newcomer.head.insert(newcomer.head.end(), bytes.begin(), bytes.end());
    const bool is_overlay = newcomer.is_lane && !newcomer.head.empty() && newcomer.head[0] == std::byte{preamble::kind_overlay};
    if (is_overlay) {
      const Bytes held = std::move(newcomer.head);
      connection.credit(from, preamble::overlay_bytes);
      forget(from);
      return overlay.adopt(from, ByteView{held}.subspan(preamble::overlay_bytes));
    }
    const std::size_t head_size = newcomer.is_lane ? preamble::lane_bytes : preamble::control_bytes;
    if (newcomer.head.size() < head_size) {
      if (is_last) {
        connection.abandon(from, stream_code_unknown);
        forget(from);
      }
      return;
    }
    Reader reader{newcomer.head};
    const bool right_kind = reader.u8() == (newcomer.is_lane ? preamble::kind_lane : preamble::kind_control);
    const auto pipe = pipes.find(reader.u64());
    std::optional<std::uint8_t> lane;
    if (newcomer.is_lane) lane = reader.u8();
    // A channel that we do not know any more is nothing unusual: both ends may close at once.
    if (!right_kind || pipe == pipes.end()) {
      connection.abandon(from, stream_code_unknown);
      forget(from);
      return;
    }
    connection.credit(from, head_size);
    const Bytes held = std::move(newcomer.head);
    forget(from);
    pipe->second->adopt(from, lane, ByteView{held}.subspan(head_size), is_last);
  }
};

Links::Links(LinkListener& listener, std::size_t overlay_backlog_low)
    : listener_(listener), overlay_backlog_low_(overlay_backlog_low) {}
Links::~Links() = default;

Links::Link& Links::link_of(quic::Connection& connection) {
  auto& link = links_[connection.link()];
  if (!link) link = std::make_unique<Link>(connection, overlay_backlog_low_);
  return *link;
}

void Links::dial(DialId dial, const Address& to) {
  quic::Connection* connection = endpoint_->dial(to);
  if (connection == nullptr) {
    listener_.on_dial_failed(dial, DialError::local, "no route to " + to.text());
    return;
  }
  dials_.emplace(connection->link(), dial);
}

void Links::cancel_dial(DialId dial) {
  const auto entry = std::find_if(dials_.begin(), dials_.end(), [&](const auto& each) { return each.second == dial; });
  if (entry == dials_.end()) return;
  quic::Connection* connection = endpoint_->find(entry->first);
  dials_.erase(entry);
  if (connection != nullptr) connection->close(static_cast<std::uint64_t>(LinkCode::goodbye), "not needed any more");
}

void Links::send(LinkId id, ByteView message) {
  const auto entry = links_.find(id);
  if (entry == links_.end() || entry->second->stream == nullptr) return;
  Link& link = *entry->second;
  if (link.stream->queue.held_bytes() + message.size() > link_queue_max) {
    link.is_behind = true;
    return;
  }
  std::array<std::byte, 4> length;
  store_be(length.data(), static_cast<std::uint32_t>(message.size()));
  link.stream->queue.append_copy(length, 0);
  link.stream->queue.append_copy(message, 0);
  link.connection.wants_to_send(*link.stream);
}

void Links::send_on_overlay(LinkId id, ByteView message) {
  const auto entry = links_.find(id);
  if (entry == links_.end()) return;
  if (!entry->second->overlay.send(message)) entry->second->is_behind = true;
}

quic::Connection* Links::connection(LinkId link) { return endpoint_->find(link); }

void Links::admit(LinkId link) {
  if (quic::Connection* connection = endpoint_->find(link)) connection->admit();
}

void Links::close(LinkId link, LinkCode code, const std::string& text) {
  if (quic::Connection* connection = endpoint_->find(link)) connection->close(static_cast<std::uint64_t>(code), text);
}

void Links::close_all(LinkCode code, const std::string& text, std::function<void()> then) {
  for (auto& [id, link] : links_) link->overlay.finish();
  endpoint_->flush_now();  // what was said before
  for (auto& [id, link] : links_) close(id, code, text);
  endpoint_->when_closed(std::move(then));
}

void Links::add_pipe(LinkId id, DistPipe& pipe) {
  const auto entry = links_.find(id);
  if (entry != links_.end()) entry->second->pipes.emplace(pipe.channel(), &pipe);
}

void Links::remove_pipe(LinkId id, std::uint64_t channel) {
  const auto entry = links_.find(id);
  if (entry != links_.end()) entry->second->pipes.erase(channel);
}

void Links::on_connected(quic::Connection& connection) {
  Link& link = link_of(connection);
  LinkFacts facts{connection.peer_key(), connection.remote(), connection.exporter(), {}};
  const auto dial = dials_.find(connection.link());
  if (dial != dials_.end()) {
    facts.dial = dial->second;
    dials_.erase(dial);
  }
  if (connection.is_client()) {
    link.stream = connection.open_bidirectional(link, nullptr);
    if (link.stream == nullptr) {
      // The first stream is granted to every client; a peer that does not is none of ours.
      connection.close(static_cast<std::uint64_t>(LinkCode::bad_message), "no stream for the link granted");
      if (facts.dial) listener_.on_dial_failed(*facts.dial, DialError::wrong_protocol, "no stream granted");
      return;
    }
  }
  // The link stream is the client's to open; a server's side waits for it.
  link.facts = facts;
  announce(link);
}

void Links::announce(Link& link) {
  if (!link.facts || link.stream == nullptr) return;
  const LinkFacts facts = *std::exchange(link.facts, std::nullopt);
  link.is_announced = true;
  listener_.on_link_opened(link.connection.link(), facts);
}

void Links::on_stream_opened(quic::Connection& connection, quic::Stream& stream) {
  Link& link = link_of(connection);
  if (stream.id == 0) {
    stream.user = &link;
    link.stream = &stream;
    return;
  }
  auto newcomer = std::make_unique<Link::Newcomer>(link, ngtcp2_is_bidi_stream(stream.id) == 0);
  stream.user = newcomer.get();
  link.newcomers.emplace(&stream, std::move(newcomer));
}

void Links::on_packets_read(quic::Connection& connection) {
  const auto entry = links_.find(connection.link());
  if (entry == links_.end()) return;
  Link& link = *entry->second;
  link.done.clear();
  announce(link);
  if (!link.is_announced) return;
  const LinkId id = connection.link();
  for (const Bytes& message : std::exchange(link.messages, {})) {
    if (connection.is_over()) break;
    listener_.on_link_message(id, LinkStream::link, message);
  }
  if (!connection.is_over()) {
    link.overlay.flush();
    for (const Bytes& message : link.overlay.take_messages()) {
      if (connection.is_over()) break;
      listener_.on_link_message(id, LinkStream::overlay, message);
    }
    if (link.overlay.take_has_room()) listener_.on_link_backlog(id, link.overlay.backlog());
  }
  if ((link.is_broken || link.overlay.is_broken()) && !connection.is_over()) {
    connection.close(static_cast<std::uint64_t>(LinkCode::bad_message), "a message out of bounds");
    listener_.on_link_closed(id, {LinkEnd::How::lost, 0, "the peer sent a message out of bounds"});
    return;
  }
  if (link.is_behind && !connection.is_over()) {
    constexpr std::string_view why = "too much waits that the peer does not take";
    connection.close(static_cast<std::uint64_t>(LinkCode::goodbye), std::string{why});
    listener_.on_link_closed(id, {LinkEnd::How::lost, 0, std::string{why}});
    return;
  }
  // Writing may end a pipe and take it out of the table.
  std::vector<DistPipe*> ready;
  for (const auto& [channel, pipe] : link.pipes)
    if (pipe->has_input()) ready.push_back(pipe);
  for (DistPipe* pipe : ready) pipe->write_to_node();
}

void Links::on_ended(quic::Connection& connection, const LinkEnd& why) {
  if (link_of(connection).is_announced) listener_.on_link_closed(connection.link(), why);
}

void Links::on_buried(quic::Connection& connection) {
  const auto entry = links_.find(connection.link());
  if (entry == links_.end()) return;
  // A pipe's owner may take it out of the table, and end other channels.
  const auto link = std::move(entry->second);
  links_.erase(entry);
  link->overlay.detach();
  for (const auto& [channel, pipe] : std::exchange(link->pipes, {})) pipe->on_link_gone();
}

void Links::on_dial_failed(quic::Connection& connection, DialError why, const std::string& text) {
  const auto dial = dials_.find(connection.link());
  if (dial == dials_.end()) return;  // a stranger's handshake, or cancelled
  const DialId id = dial->second;
  dials_.erase(dial);
  listener_.on_dial_failed(id, why, text);
}

}  // namespace bp2p
