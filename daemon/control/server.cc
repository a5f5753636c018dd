#include "daemon/control/server.h"

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <format>
#include <unordered_map>

#include "daemon/log.h"
#include "daemon/net/unix_socket.h"

namespace bp2p::control {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using stream_protocol = asio::local::stream_protocol;
using boost::system::error_code;

/// Whom an answer is for does not matter; what it says does.
http::response<http::string_body> response_of(const Answer& answer, unsigned version, bool head, bool keep_alive) {
  http::response<http::string_body> response{static_cast<http::status>(answer.status), version};
  response.set(http::field::content_type, "application/json");
  response.set(http::field::cache_control, "no-store");
  if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
  using json = nlohmann::ordered_json;
  std::string body = answer.body.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  response.content_length(body.size());  // with HEAD too: what GET would bring
  if (!head) response.body() = std::move(body);
  response.keep_alive(keep_alive);
  return response;
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
  /// One connection: read a request, write its answer, again. A handler of Beast's touches the buffer even when its
  /// socket was closed under it, so handlers share the connection, and nobody else does.
  struct Connection {
    Connection(stream_protocol::socket connected, asio::io_context& io) : socket(std::move(connected)), timer(io) {}
    stream_protocol::socket socket;
    asio::steady_timer timer;
    boost::beast::flat_buffer buffer{16 * 1024};  // beyond it a read fails with buffer_overflow
    std::array<std::byte, 1024> discarded;
    std::optional<http::request_parser<http::string_body>> parser;
    http::response<http::string_body> response;
    std::optional<http::response_serializer<http::string_body>> serializer;
    std::optional<Severity> follows;
    std::string unsent, sending;  // chunks
  };

  Impl(asio::io_context& context, UnixListener listening, Routes all, ServerLimits bounds)
      : io(context), acceptor(context, stream_protocol{}, listening.fd), listener(std::move(listening)),
        routes(std::move(all)), limits(bounds), retry(context) {}

  void accept() {
    acceptor.async_accept([weak = weak_from_this()](const error_code& error, stream_protocol::socket socket) {
      const auto self = weak.lock();
      if (!self || error == asio::error::operation_aborted) return;
      if (error) return self->accept_later();
      if (self->connections.size() >= self->limits.connections_max) {
        ++self->refused;  // the socket closes here
      } else {
        const auto id = ++self->last_id;
        self->connections.emplace(id, std::make_shared<Connection>(std::move(socket), self->io));
        self->read(id);
      }
      self->accept();
    });
  }

  /// Out of file descriptors, most likely: trying again at once would only burn time.
  void accept_later() {
    retry.expires_after(std::chrono::milliseconds{100});
    retry.async_wait([weak = weak_from_this()](const error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->accept();
    });
  }

  /// None: closed.
  std::shared_ptr<Connection> find(std::uint64_t id) {
    const auto found = connections.find(id);
    return found == connections.end() ? nullptr : found->second;
  }
  void close(std::uint64_t id) {
    const auto node = connections.extract(id);
    if (!node) return;
    if (node.mapped()->follows) --followers;
    error_code ignored;
    node.mapped()->socket.close(ignored);
    node.mapped()->timer.cancel();
  }
  void close_all() {
    while (!connections.empty()) close(connections.begin()->first);
  }

  void allow_time(std::uint64_t id, Connection& one) {
    one.timer.expires_after(limits.patience);
    one.timer.async_wait([weak = weak_from_this(), id](const error_code& error) {
      const auto self = weak.lock();
      if (!self || error) return;
      if (const auto late = self->find(id); late && late->follows) ++self->dropped;
      self->close(id);
    });
  }

  void read(std::uint64_t id) {
    const auto one = find(id);
    one->parser.emplace();
    one->parser->header_limit(limits.header_bytes_max);
    one->parser->body_limit(limits.body_bytes_max);
    allow_time(id, *one);
    http::async_read(one->socket, one->buffer, *one->parser,
                     [weak = weak_from_this(), one, id](const error_code& error, std::size_t) {
                       if (const auto self = weak.lock()) self->on_read(id, error);
                     });
  }

  void on_read(std::uint64_t id, const error_code& error) {
    const auto one = find(id);
    if (!one) return;
    if (error) {
      // Beast's own errors are about what was said; all others are about the connection.
      if (error.category() != http::make_error_code(http::error::bad_method).category() ||
          error == http::error::end_of_stream || error == http::error::partial_message)
        return close(id);
      const bool too_long = error == http::error::header_limit || error == http::error::buffer_overflow;
      const unsigned status = too_long ? 431 : error == http::error::body_limit ? 413 : 400;
      return write(id, response_of(refusal(status, "not a request that can be read: " + error.message()), 11, false,
                                   false));
    }
    const auto& request = one->parser->get();
    const bool head = request.method() == http::verb::head;
    const auto method = request.method_string();
    const auto target = request.target();
    Answer answer = routes.answer({.method = {method.data(), method.size()}, .target = {target.data(), target.size()},
                                   .body = request.body(), .caller = caller_of(one->socket.native_handle())});
    if (answer.follows && followers >= limits.followers_max) answer = refusal(503, "too many follow events already");
    if (answer.follows && request.version() < 11) answer = refusal(505, "events are followed with HTTP/1.1");
    if (answer.follows && !head) return follow(id, *answer.follows);
    if (answer.later) return answer_later(id, std::move(answer), request.version(), head, request.keep_alive());
    write(id, response_of(answer, request.version(), head, request.keep_alive()));
  }

  /// Nothing is read meanwhile. Who gives up is noticed when the answer is written.
  void answer_later(std::uint64_t id, Answer answer, unsigned version, bool head, bool keep_alive) {
    find(id)->timer.cancel();
    const auto begin = std::exchange(answer.later, {});
    begin([weak = weak_from_this(), id, answer = std::move(answer), version, head, keep_alive](nlohmann::ordered_json body) mutable {
      const auto self = weak.lock();
      if (!self || !self->find(id)) return;
      answer.body = std::move(body);
      self->write(id, response_of(answer, version, head, keep_alive));
    });
  }

  // --- events

  void follow(std::uint64_t id, Severity from) {
    const auto one = find(id);
    ++followers;
    one->follows = from;
    one->timer.cancel();
    one->unsent = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nCache-Control: no-store\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n";
    flush(id);
    discard(id);
  }
  /// What it says is not looked at any more; only that it goes.
  void discard(std::uint64_t id) {
    const auto one = find(id);
    one->socket.async_read_some(asio::buffer(one->discarded),
                                [weak = weak_from_this(), one, id](const error_code& error, std::size_t) {
                                  const auto self = weak.lock();
                                  if (!self || !self->find(id)) return;
                                  if (error) return self->close(id);
                                  self->discard(id);
                                });
  }
  void flush(std::uint64_t id) {
    const auto one = find(id);
    if (!one->sending.empty() || one->unsent.empty()) return;
    one->sending.swap(one->unsent);
    allow_time(id, *one);
    asio::async_write(one->socket, asio::buffer(one->sending),
                      [weak = weak_from_this(), one, id](const error_code& error, std::size_t) {
                        const auto self = weak.lock();
                        if (!self || !self->find(id)) return;
                        if (error) return self->close(id);
                        one->sending.clear();
                        one->timer.cancel();
                        self->flush(id);
                      });
  }
  void tell(Severity severity, const std::string& json) {
    if (followers == 0) return;
    const std::string chunk = std::format("{:x}\r\n{}\n\r\n", json.size() + 1, json);
    std::vector<std::uint64_t> told, slow;
    for (const auto& [id, one] : connections) {
      if (!one->follows || severity < *one->follows) continue;
      const bool has_room = one->unsent.size() + chunk.size() <= limits.unsent_events_max;
      if (has_room) one->unsent += chunk;
      (has_room ? told : slow).push_back(id);
    }
    for (const std::uint64_t id : told) flush(id);
    for (const std::uint64_t id : slow) {
      ++dropped;
      close(id);
    }
  }

  void write(std::uint64_t id, http::response<http::string_body> response) {
    const auto one = find(id);
    one->response = std::move(response);
    one->serializer.emplace(one->response);
    allow_time(id, *one);
    http::async_write(one->socket, *one->serializer,
                      [weak = weak_from_this(), one, id](const error_code& error, std::size_t) {
                        const auto self = weak.lock();
                        if (!self || !self->find(id)) return;
                        if (error) return self->close(id);
                        if (!one->response.keep_alive()) return self->finish(id);
                        self->read(id);
                      });
  }

  /// Half-closes, so that a client that is still sending gets the answer and not a reset.
  void finish(std::uint64_t id) {
    const auto one = find(id);
    error_code ignored;
    one->socket.shutdown(stream_protocol::socket::shutdown_send, ignored);
    allow_time(id, *one);
    discard(id);  // the timer ends it
  }

  asio::io_context& io;
  stream_protocol::acceptor acceptor;
  UnixListener listener;
  Routes routes;
  ServerLimits limits;
  asio::steady_timer retry;
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections;
  std::uint64_t last_id = 0;
  std::uint64_t refused = 0, dropped = 0;
  std::size_t followers = 0;
};

std::expected<std::unique_ptr<Server>, std::string> Server::listen(asio::io_context& io,
                                                                   const std::filesystem::path& path, Routes routes,
                                                                   ServerLimits limits, unsigned mode) {
  auto listener = listen_at(path, {.mode = mode, .backlog = static_cast<int>(limits.connections_max)});
  if (!listener) return std::unexpected("control socket " + listener.error());
  auto impl = std::make_shared<Impl>(io, std::move(*listener), std::move(routes), limits);
  impl->accept();
  return std::unique_ptr<Server>{new Server{std::move(impl)}};
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  remove_file(impl_->listener);
  error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->close_all();
}

void Server::tell(Severity severity, const std::string& json) { impl_->tell(severity, json); }
std::size_t Server::followers() const { return impl_->followers; }
std::uint64_t Server::followers_dropped() const { return impl_->dropped; }
std::size_t Server::connections() const { return impl_->connections.size(); }
std::uint64_t Server::refused() const { return impl_->refused; }

}  // namespace bp2p::control
