#include "daemon/cli/view.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "daemon/cli/control_client.h"
#include "daemon/cli/text_table.h"

namespace bp2p::cli {
namespace {

std::string number(double value, const char* unit) {
  char out[64];
  std::snprintf(out, sizeof out, "%.1f %s", value, unit);
  return out;
}

Exit show_once(const ViewOption& option, const std::filesystem::path& socket, const std::string& path,
               const std::string& schema, const Screen& screen, Duration patience) {
  const auto body = get(socket, path, patience);
  if (!body) return say(body.error().exit, body.error().text);
  const json answer = json::parse(*body, nullptr, /*allow_exceptions=*/false);
  if (member(answer, "schema") != schema)
    return say(Exit::bad_data, socket.string() + ": the answer is not " + schema + "; the daemon may be of another version");
  if (option.as_json) {
    std::cout << (option.watch ? answer.dump() + "\n" : *body);  // watched: an object a line
  } else {
    const bool clears = option.watch && ::isatty(STDOUT_FILENO) == 1;
    std::cout << (clears ? "\x1b[H\x1b[2J" : "") << screen(answer) << (option.watch && !clears ? "\n" : "");
  }
  std::cout.flush();
  return Exit::ok;
}

}  // namespace

void DaemonOption::add_to(CLI::App& verb) {
  config.add_to(verb);
  verb.add_option("--socket", socket_text, "The daemon's control socket (default: the configuration's)")->type_name("PATH");
}

std::expected<std::filesystem::path, Exit> DaemonOption::socket() const {
  if (!socket_text.empty()) return socket_text;
  auto loaded = config.load();
  if (!loaded) return std::unexpected(loaded.error());
  return loaded->config.host.control_socket;
}

void ViewOption::add_to(CLI::App& verb, const std::string& schema) {
  daemon.add_to(verb);
  verb.add_flag("--json", as_json, "As JSON (schema " + schema + ")");
  verb.add_flag("--watch", watch, "Again and again, until the daemon does not answer");
  verb.add_option("--every", every_s, "With --watch: how long between, in seconds (default 2)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 86'400.0));
}

Exit say(Exit exit, const std::string& text) {
  std::cerr << "barrel-p2pd: " << one_line(text) << "\n";
  return exit;
}

Exit show(const ViewOption& option, const std::string& path, const std::string& schema, const Screen& screen, Duration patience) {
  const auto socket = option.daemon.socket();
  if (!socket) return socket.error();
  for (;;) {
    const Exit exit = show_once(option, *socket, path, schema, screen, patience);
    if (!option.watch || exit != Exit::ok || !std::cout) return exit;
    std::this_thread::sleep_for(std::chrono::duration<double>{option.every_s});
  }
}

std::string percent_encoded(const std::string& text) {
  constexpr std::string_view plain = "-._~@:";
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || plain.contains(c);
    if (is_plain) out += c;
    else out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

const json& member(const json& object, const char* key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

const json& list(const json& object, const char* key) {
  static const json empty = json::array();
  const json& found = member(object, key);
  return found.is_array() ? found : empty;
}

std::string text(const json& value) {
  if (value.is_string()) return one_line(value.get<std::string>());
  if (value.is_number() || value.is_boolean()) return value.dump();
  return "-";
}

std::string span(const json& ms) { return ms.is_number() ? shown_span(ms.get<std::int64_t>()) : "-"; }
std::string bytes(const json& count) { return count.is_number() ? shown_bytes(count.get<std::uint64_t>()) : "-"; }
std::string round_trip(const json& us) { return us.is_number() ? number(us.get<double>() / 1000, "ms") : "-"; }
std::string percent(const json& share) { return share.is_number() ? number(share.get<double>() * 100, "%") : "-"; }

std::string joined(const json& texts, const char* between) {
  std::string out;
  for (const json& one : texts) out += (out.empty() ? "" : between) + text(one);
  return out;
}

std::string text_or(const json& value, const char* otherwise) { return value.is_string() ? text(value) : otherwise; }

std::string names_of(const json& daemon) {
  const json& names = list(daemon, "names");
  return names.empty() ? "(no nodes)" : joined(names, " ");
}

}  // namespace bp2p::cli
