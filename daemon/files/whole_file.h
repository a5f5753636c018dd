// Small files that are there whole or not at all: written beside, synced, renamed, and the directory synced.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>

#include "proto/base/bytes.h"

namespace bp2p {

/// One plain sentence that names the file, for a person.
struct FileError {
  std::string text;
};

/// Returns once the content would survive a power cut. `replace` off: an existing file is an error and stays.
enum class Existing : std::uint8_t { replace, keep };
std::expected<void, FileError> write_whole(const std::filesystem::path& file, ByteView content, mode_t mode,
                                           Existing existing);

/// The same without the last step: a power cut may still bring back what was there before, until sync_directory().
std::expected<void, FileError> put_in_place(const std::filesystem::path& file, ByteView content, mode_t mode,
                                            Existing existing);

struct FileContent {
  Bytes bytes;
  mode_t mode = 0;  ///< permission bits
  uid_t owner = 0;
};
/// None: there is no such file. Anything that is not a regular file of at most `bytes_max` is an error, and a
/// symbolic link in the last place is not followed.
std::expected<std::optional<FileContent>, FileError> read_whole(const std::filesystem::path& file,
                                                                std::size_t bytes_max);

/// Makes the directory (and its parents) with this mode unless it is there; an existing one must be a directory that
/// neither group nor others may write.
std::expected<void, FileError> make_private_directory(const std::filesystem::path& directory, mode_t mode);

/// The directory in which `directory` is or would be made has to be there.
std::expected<void, FileError> require_parent(const std::filesystem::path& directory);

std::expected<void, FileError> sync_directory(const std::filesystem::path& directory);

}  // namespace bp2p
