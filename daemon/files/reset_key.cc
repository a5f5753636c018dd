#include "daemon/files/reset_key.h"

#include <algorithm>

#include "daemon/entropy.h"

namespace bp2p {

std::expected<ResetKey, FileError> load_or_make_reset_key(const std::filesystem::path& state_dir) {
  const auto file = state_dir / "reset.key";
  const auto content = read_whole(file, std::tuple_size_v<ResetKey>);
  if (!content) return std::unexpected(content.error());
  ResetKey key;
  if (!*content) {
    SystemSecrets{}.fill(key);
    if (auto written = write_whole(file, key, 0600, Existing::keep); !written) return std::unexpected(written.error());
    return key;
  }
  if ((*content)->bytes.size() != key.size())
    return std::unexpected(FileError{file.string() + ": has " + std::to_string((*content)->bytes.size()) +
                                     " bytes instead of 32; remove it, and a new one is made"});
  if (((*content)->mode & 077) != 0)
    return std::unexpected(FileError{file.string() + ": can be read or written by others than its owner; chmod 600 " +
                                     "makes it right"});
  std::ranges::copy((*content)->bytes, key.begin());
  return key;
}

}  // namespace bp2p
