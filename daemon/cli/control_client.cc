#include "daemon/cli/control_client.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>
#include <optional>

namespace bp2p::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint64_t answer_bytes_max = 64 << 20;  // thousands of links and members; a bound all the same
constexpr std::size_t line_bytes_max = 1 << 20;

Exit exit_for(unsigned status) {
  switch (status) {
    case 403: return Exit::not_allowed;
    case 404: return Exit::not_found;
    case 503: return Exit::unavailable;
    default: return Exit::bad_data;
  }
}

/// What the daemon says of its refusal; else its number.
Unanswered refused(const std::filesystem::path& socket, const std::string& path, unsigned status, const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.value("schema", "") == "barrel-p2pd/error/1" && json["error"].is_object() &&
      json["error"]["text"].is_string())
    return {exit_for(status), json["error"]["text"].get<std::string>()};
  return {Exit::bad_data, socket.string() + ": the daemon answered " + std::to_string(status) + " to " + path +
                              "; it may be of another version"};
}

/// One connection with one request on it. Asynchronous only for the sake of the time limit: a stopped daemon must not hold
/// the command for ever.
class Exchange {
 public:
  Exchange(std::filesystem::path socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}

  /// Sends the request and reads with `read`, which sets `done`.
  template <class Read>
  std::expected<void, Unanswered> run(http::verb verb, std::string body, Duration patience, const Read& read) {
    if (socket_.string().size() > 107)
      return std::unexpected(Unanswered{Exit::bad_data, socket_.string() + ": too long for a Unix socket's name"});
    http::request<http::string_body> request{verb, path_, 11};
    request.set(http::field::host, "localhost");
    request.keep_alive(false);
    if (verb == http::verb::post) {
      request.set(http::field::content_type, "application/json");
      request.body() = std::move(body);
      request.prepare_payload();
    }
    connection.async_connect(asio::local::stream_protocol::endpoint{socket_.string()}, [&](const error_code& connected) {
      if (connected) {
        done = connected;
        return;
      }
      http::async_write(connection, request, [&](const error_code& written, std::size_t) {
        if (written) done = written;
        else read();
      });
    });
    io.run_for(patience);
    return outcome();
  }

  std::expected<void, Unanswered> outcome() const {
    if (!done)
      return std::unexpected(Unanswered{Exit::unavailable, "no answer in time from the daemon on " + socket_.string()});
    if (*done == asio::error::access_denied)
      return std::unexpected(Unanswered{Exit::not_allowed, socket_.string() + ": permission denied"});
    if (*done)
      return std::unexpected(Unanswered{Exit::unavailable, "no daemon answers on " + socket_.string() + ": " +
                                                               done->message() + " (is barrel-p2pd running?)"});
    return {};
  }

  asio::io_context io{1};
  asio::local::stream_protocol::socket connection{io};
  boost::beast::flat_buffer buffer;
  std::optional<error_code> done;

 private:
  std::filesystem::path socket_;
  std::string path_;
};

std::expected<std::string, Unanswered> ask(const std::filesystem::path& socket, http::verb verb, const std::string& path,
                                           std::string body, Duration patience) {
  Exchange exchange{socket, path};
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  const auto ran = exchange.run(verb, std::move(body), patience, [&] {
    http::async_read(exchange.connection, exchange.buffer, parser,
                     [&](const error_code& read, std::size_t) { exchange.done = read; });
  });
  if (!ran) return std::unexpected(ran.error());
  const unsigned status = parser.get().result_int();
  if (status / 100 != 2) return std::unexpected(refused(socket, path, status, parser.get().body()));
  return std::move(parser.get().body());
}

}  // namespace

std::expected<std::string, Unanswered> get(const std::filesystem::path& socket, const std::string& path, Duration patience) {
  return ask(socket, http::verb::get, path, "", patience);
}

std::expected<std::string, Unanswered> post(const std::filesystem::path& socket, const std::string& path, std::string body,
                                            Duration patience) {
  return ask(socket, http::verb::post, path, std::move(body), patience);
}

std::expected<void, Unanswered> follow(const std::filesystem::path& socket, const std::string& path,
                                       const std::function<bool(std::string_view)>& on_line, Duration patience) {
  Exchange exchange{socket, path};
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  const auto ran = exchange.run(http::verb::get, "", patience, [&] {
    http::async_read_header(exchange.connection, exchange.buffer, parser,
                            [&](const error_code& read, std::size_t) { exchange.done = read; });
  });
  if (!ran) return std::unexpected(ran.error());

  std::string unread;
  std::array<char, 8192> piece;
  const bool is_refused = parser.get().result() != http::status::ok;
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    error_code error;
    http::read_some(exchange.connection, exchange.buffer, parser, error);
    unread.append(piece.data(), piece.size() - parser.get().body().size);
    if (error == http::error::need_buffer) error = {};
    if (is_refused) {
      if (error || unread.size() > line_bytes_max) break;
      continue;
    }
    for (auto end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
      if (!on_line(std::string_view{unread}.substr(0, end))) return {};
      unread.erase(0, end + 1);
    }
    if (error || unread.size() > line_bytes_max) break;
  }
  if (is_refused) return std::unexpected(refused(socket, path, parser.get().result_int(), unread));
  return std::unexpected(Unanswered{Exit::unavailable, "the daemon on " + socket.string() + " has ended the connection"});
}

}  // namespace bp2p::cli
