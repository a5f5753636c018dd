#include "daemon/cli/control_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace bp2p::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint64_t answer_bytes_max = 64 << 20;  // thousands of links and channels; a bound all the same

}  // namespace

std::expected<std::string, Unanswered> get(const std::filesystem::path& socket, const std::string& path,
                                           Duration patience) {
  asio::io_context io{1};
  asio::local::stream_protocol::socket connection{io};
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  http::request<http::empty_body> request{http::verb::get, path, 11};
  request.set(http::field::host, "localhost");
  request.keep_alive(false);

  if (socket.string().size() > 107)
    return std::unexpected(Unanswered{Exit::bad_data, socket.string() + ": too long for a Unix socket's name"});
  // Asynchronous only for the sake of the time limit: a stopped daemon must not hold the command for ever.
  std::optional<error_code> result;
  connection.async_connect(asio::local::stream_protocol::endpoint{socket.string()}, [&](const error_code& connected) {
    if (connected) {
      result = connected;
      return;
    }
    http::async_write(connection, request, [&](const error_code& written, std::size_t) {
      if (written) {
        result = written;
        return;
      }
      http::async_read(connection, buffer, parser, [&](const error_code& read, std::size_t) { result = read; });
    });
  });
  io.run_for(patience);

  if (!result)
    return std::unexpected(Unanswered{Exit::unavailable, "no answer in time from the daemon on " + socket.string()});
  if (*result == asio::error::access_denied)
    return std::unexpected(Unanswered{Exit::not_allowed, socket.string() + ": permission denied"});
  if (*result)
    return std::unexpected(Unanswered{Exit::unavailable, "no daemon answers on " + socket.string() + ": " +
                                                             result->message() + " (is barrel-p2pd running?)"});
  if (parser.get().result() != http::status::ok)
    return std::unexpected(Unanswered{Exit::bad_data, socket.string() + ": the daemon answered " +
                                                          std::to_string(parser.get().result_int()) + " to " + path +
                                                          "; it may be of another version"});
  return std::move(parser.get().body());
}

}  // namespace bp2p::cli
