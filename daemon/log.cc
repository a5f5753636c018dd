#include "daemon/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <memory>
#include <nlohmann/json.hpp>

namespace bp2p::log {
namespace {

enum class Shape { terminal, journal, plain, plain_in_journal, json };

/// Now, in UTC: `2026-03-01T12:00:00.123Z`.
std::string shown_time() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return std::format("{:%FT%T}Z", now);
}

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::debug: return spdlog::level::debug;
    case Severity::info: return spdlog::level::info;
    case Severity::warning: return spdlog::level::warn;
    case Severity::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view word_of(Severity severity) {
  switch (severity) {
    case Severity::debug: return "debug";
    case Severity::info: return "info";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "error";
}

/// syslog(3)'s numbers, which journald takes from the beginning of a line.
int priority_of(Severity severity) {
  switch (severity) {
    case Severity::debug: return 7;
    case Severity::info: return 6;
    case Severity::warning: return 4;
    case Severity::error: return 3;
  }
  return 3;
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr char digits[] = "0123456789abcdef";
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out;
}

/// A value in `key=value`: quoted when a reader of the line could not tell where it ends.
std::string quoted_if_needed(std::string_view value) {
  std::string out = escaped(value);
  if (!out.empty() && out.find_first_of(" \"=") == std::string::npos) return out;
  std::string quoted{'"'};
  for (const char c : out) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string line_of(Severity severity, std::string_view event, std::string_view text, Fields fields) {
  std::string line{event};
  line.append("  ").append(escaped(text));
  for (const auto& [key, value] : fields) line.append(" ").append(key).append("=").append(quoted_if_needed(value));
  return std::string{word_of(severity)}.append(" ").append(line);
}

std::string json_of(Severity severity, std::string_view event, std::string_view text, Fields fields) {
  nlohmann::ordered_json line{{"time", shown_time()}, {"level", word_of(severity)}, {"event", event}, {"text", text}};
  for (const auto& [key, value] : fields) line[std::string{key}] = value;
  // `replace`: texts that came from a peer need not be UTF-8.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// systemd says in JOURNAL_STREAM which file stderr was when it is the journal's (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (!stream || fstat(STDERR_FILENO, &file) != 0) return false;
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) == stream;
}

Shape shape_of(LogFormat format) {
  if (format == LogFormat::json) return Shape::json;
  if (format == LogFormat::text) return stderr_is_journal() ? Shape::plain_in_journal : Shape::plain;
  if (isatty(STDERR_FILENO) == 1) return Shape::terminal;
  return stderr_is_journal() ? Shape::journal : Shape::plain;
}

struct Output {
  Shape shape = Shape::plain;
  std::shared_ptr<spdlog::logger> logger;
};

Output made(LogLevel level, LogFormat format) {
  Output output{.shape = shape_of(format), .logger = nullptr};
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (output.shape == Shape::terminal)
    sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>();
  else
    sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
  output.logger = std::make_shared<spdlog::logger>("barrel-p2pd", std::move(sink));
  output.logger->set_pattern(output.shape == Shape::terminal ? "%H:%M:%S.%e %^%v%$" : "%v");
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                  spdlog::level::err};
  output.logger->set_level(levels[static_cast<std::size_t>(level)]);
  output.logger->flush_on(spdlog::level::debug);
  return output;
}

Output& output() {
  static Output current = made(LogLevel::info, LogFormat::automatic);
  return current;
}

Listener& listening() {
  static Listener current;
  return current;
}

}  // namespace

void set_listener(Listener listener) { listening() = std::move(listener); }

void setup(LogLevel level, LogFormat format) { output() = made(level, format); }

void write(Severity severity, std::string_view event, std::string_view text, Fields fields) {
  if (listening()) listening()(severity, json_of(severity, event, text, fields));
  const auto& [shape, logger] = output();
  const auto level = level_of(severity);
  if (!logger->should_log(level)) return;
  std::string line = shape == Shape::json ? json_of(severity, event, text, fields)
                                          : line_of(severity, event, text, fields);
  if (shape == Shape::plain) line.insert(0, shown_time() + " ");
  if (shape == Shape::journal) line.insert(0, "<" + std::to_string(priority_of(severity)) + ">");
  logger->log(level, spdlog::string_view_t{line});
}

}  // namespace bp2p::log
