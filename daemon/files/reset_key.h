// The secret from which stateless reset tokens and retry tokens are made. It outlives the process, so that peers
// of a killed daemon learn from its successor that their connections are gone (RFC 9000 section 10.3).
#pragma once
#include <array>
#include <cstddef>
#include <expected>
#include <filesystem>

#include "daemon/files/whole_file.h"

namespace bp2p {

using ResetKey = std::array<std::byte, 32>;

/// state_dir/reset.key, made when it is not there.
std::expected<ResetKey, FileError> load_or_make_reset_key(const std::filesystem::path& state_dir);

}  // namespace bp2p
