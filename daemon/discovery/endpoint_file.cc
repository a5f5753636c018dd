#include "daemon/discovery/endpoint_file.h"

#include <algorithm>
#include <charconv>

#include "daemon/discovery/dns.h"
#include "daemon/files/whole_file.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace {

constexpr std::size_t host_bytes_max = 255;

/// What is left of a text, read from its front.
class Rest {
 public:
  explicit Rest(std::string_view text) : text_(text) {}
  bool is_over() {
    skip();
    return text_.empty();
  }
  bool take(char wanted) {
    skip();
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// A string without escapes, for no host has one.
  std::optional<std::string> text() {
    if (!take('"')) return std::nullopt;
    const auto end = text_.find('"');
    if (end == 0 || end > host_bytes_max) return std::nullopt;  // npos too
    const std::string_view inside = text_.substr(0, end);
    if (std::ranges::any_of(inside, [](unsigned char c) { return c <= 0x20 || c >= 0x7f || c == '\\'; })) return std::nullopt;
    text_.remove_prefix(end + 1);
    return std::string{inside};
  }
  std::optional<std::uint16_t> port() {
    skip();
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (error != std::errc{} || number == 0) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return number;
  }

 private:
  void skip() {
    for (;;) {
      text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
      if (!text_.starts_with('%')) return;
      text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
    }
  }
  std::string_view text_;
};

}  // namespace

std::optional<std::vector<Endpoint>> parse_endpoints(std::string_view text) {
  Rest rest{text};
  std::vector<Endpoint> found;
  while (!rest.is_over()) {
    if (found.size() == limits::addresses_per_name_max || !rest.take('{')) return std::nullopt;
    auto host = rest.text();
    if (!host || !rest.take(',')) return std::nullopt;
    const auto port = rest.port();
    if (!port || !rest.take('}') || !rest.take('.')) return std::nullopt;
    found.push_back({std::move(*host), *port});
  }
  if (found.empty()) return std::nullopt;
  return found;
}

std::string endpoint_text(const Endpoint& endpoint) {
  return "{\"" + endpoint.host + "\", " + std::to_string(endpoint.port) + "}.\n";
}

std::filesystem::path endpoint_file(const std::filesystem::path& directory, const NodeName& name) {
  return directory / (name.text() + ".endpoint");
}

Found find_in_directory(const std::filesystem::path& directory, const NodeName& name) {
  const auto file = endpoint_file(directory, name);
  const auto content = read_whole(file, endpoint_file_bytes_max);
  if (!content) return {.addresses = {}, .trouble = content.error().text};
  if (!*content) return {};
  const Bytes& bytes = (*content)->bytes;
  const auto endpoints = parse_endpoints({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!endpoints) return {.addresses = {}, .trouble = file.string() + ": expected a line like {\"10.0.0.5\", 9100}."};
  Found found;
  for (const Endpoint& endpoint : *endpoints)
    for (const Address& address : addresses_of_host(endpoint.host, endpoint.port))
      if (found.addresses.size() < limits::addresses_per_name_max && !std::ranges::contains(found.addresses, address))
        found.addresses.push_back(address);
  return found;
}

}  // namespace bp2p
