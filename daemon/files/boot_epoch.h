// A number that is larger at every start of this daemon, so that peers know which of two peer records is newer.
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>

#include "daemon/files/whole_file.h"
#include "proto/base/now.h"

namespace bp2p {

/// max(wall clock in ms, last + 1), durably written to state_dir/boot_epoch before it is returned. A file that is
/// there and does not hold a number is an error: starting over could go back behind what peers have seen.
std::expected<std::uint64_t, FileError> next_boot_epoch(const std::filesystem::path& state_dir, WallTime wall);

}  // namespace bp2p
