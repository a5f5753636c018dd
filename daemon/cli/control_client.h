// One question to the running daemon: HTTP over its control socket.
#pragma once
#include <expected>
#include <filesystem>
#include <string>

#include "daemon/cli/cli.h"
#include "proto/base/now.h"

namespace bp2p::cli {

struct Unanswered {
  Exit exit;         ///< unavailable, not_allowed or bad_data
  std::string text;  ///< one sentence
};

/// The body of a 200 answer to `GET path`.
std::expected<std::string, Unanswered> get(const std::filesystem::path& socket, const std::string& path,
                                           Duration patience = std::chrono::seconds{5});

}  // namespace bp2p::cli
