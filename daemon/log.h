// Lines for the operator, on stderr. An event has a stable name (`link.admitted`), one sentence, and fields.
// This and log.cc are the only files that know spdlog.
#pragma once
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "daemon/config_file.h"
#include "proto/core/effects.h"

namespace bp2p::log {

struct Field {
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

/// Until this is called: level info, format automatic. Automatic is colour and a clock on a terminal, syslog
/// priorities (`<6>`) when stderr is the journal, plain lines `time level event text key=value` else. The time is UTC,
/// `2026-03-01T12:00:00.123Z`; the journal has its own, so a line for it has none.
void setup(LogLevel level, LogFormat format);

/// Is called with every line, of whatever level, as it is with format json; on the thread that says it. It must not say
/// anything itself. Empty: nobody listens.
using Listener = std::function<void(Severity, const std::string& json)>;
void set_listener(Listener listener);

/// Control characters in any part are escaped: a peer's text cannot begin a line of its own.
void write(Severity severity, std::string_view event, std::string_view text, Fields fields = {});

inline void debug(std::string_view event, std::string_view text, Fields fields = {}) {
  write(Severity::debug, event, text, fields);
}
inline void info(std::string_view event, std::string_view text, Fields fields = {}) {
  write(Severity::info, event, text, fields);
}
inline void warning(std::string_view event, std::string_view text, Fields fields = {}) {
  write(Severity::warning, event, text, fields);
}
inline void error(std::string_view event, std::string_view text, Fields fields = {}) {
  write(Severity::error, event, text, fields);
}

}  // namespace bp2p::log
