// Questions to the running daemon, and requests: HTTP over its control socket.
#pragma once
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/cli/cli.h"
#include "proto/base/now.h"

namespace bp2p::cli {

struct Unanswered {
  Exit exit;         ///< unavailable, not_allowed, not_found or bad_data
  std::string text;  ///< one sentence; the daemon's own where it gave one
};

/// The body of a good answer to `GET path`.
std::expected<std::string, Unanswered> get(const std::filesystem::path& socket, const std::string& path,
                                           Duration patience = std::chrono::seconds{5});

/// The same to `POST path` with a body of JSON.
std::expected<std::string, Unanswered> post(const std::filesystem::path& socket, const std::string& path, std::string body,
                                            Duration patience = std::chrono::seconds{5});

/// Hands over every line of an answer without end, until it ends or `on_line` gives false. `patience` is for its beginning.
/// None: `on_line` wanted no more.
std::expected<void, Unanswered> follow(const std::filesystem::path& socket, const std::string& path,
                                       const std::function<bool(std::string_view)>& on_line,
                                       Duration patience = std::chrono::seconds{5});

}  // namespace bp2p::cli
