#include "daemon/files/boot_epoch.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

namespace bp2p {

std::expected<std::uint64_t, FileError> next_boot_epoch(const std::filesystem::path& state_dir, WallTime wall) {
  const auto file = state_dir / "boot_epoch";
  const auto content = read_whole(file, 32);
  if (!content) return std::unexpected(content.error());

  std::uint64_t epoch = static_cast<std::uint64_t>(std::max<std::int64_t>(wall.count(), 1));
  if (*content) {
    const std::string_view text = as_text((*content)->bytes);
    std::uint64_t last = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), last);
    const std::string_view rest{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    // The newline shows that the number is whole.
    if (error != std::errc{} || rest != "\n" || last == std::numeric_limits<std::uint64_t>::max())
      return std::unexpected(FileError{file.string() + ": does not hold a number and a newline; write there a number " +
                                       "larger than every one before, such as the time in milliseconds"});
    epoch = std::max(epoch, last + 1);
  }
  if (auto written = write_whole(file, as_bytes(std::to_string(epoch) + "\n"), 0600, Existing::replace); !written)
    return std::unexpected(written.error());
  return epoch;
}

}  // namespace bp2p
