#include "daemon/files/trusted_keys.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "daemon/crypto.h"
#include "daemon/log.h"

namespace bp2p {
namespace {

/// pins_max lines of the longest kind, and as many taken back.
constexpr std::size_t record_bytes_max = 16 << 20;
/// A record this long is written anew when more than half of it does not count any more: it is read again after each
/// change, on the daemon's one thread.
constexpr std::size_t history_bytes_min = 1 << 20;
constexpr std::string_view taken_back = "-";
constexpr std::string_view suffix = ".pub";
/// Names whose trouble was logged; strangers choose names, so it has an end.
constexpr std::size_t complaints_max = 1024;

std::unexpected<FileError> wrong(const std::filesystem::path& file, const std::string& what) {
  return std::unexpected(FileError{file.string() + ": " + what});
}
std::unexpected<FileError> failed(const std::filesystem::path& file, const std::string& what) {
  return wrong(file, what + ": " + std::generic_category().message(errno));
}

std::string line_of(const NodeName& name, std::string_view print) {
  return name.text() + " " + std::string{print} + "\n";
}

bool is_fingerprint(std::string_view text) {
  return text == taken_back || (text.starts_with("SHA256:") && text.size() == 7 + 43);
}

/// Held while files change. A process that ends lets go of it. A turn is a few writes, so whoever waits longer waits for
/// a process that is stopped or for a disk that does not answer, and the daemon has one thread.
constexpr auto turn_waits_max = std::chrono::seconds{1};
class Turn {
 public:
  static std::expected<Turn, FileError> take(const std::filesystem::path& key_dir) {
    const auto file = key_dir / "lock";
    Turn turn{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (turn.fd_ < 0) return failed(file, "cannot be opened");
    const auto deadline = std::chrono::steady_clock::now() + turn_waits_max;
    while (::flock(turn.fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return failed(file, "cannot be locked");
      if (std::chrono::steady_clock::now() >= deadline)
        return wrong(file, "another process has been changing pins for more than 1 s; `fuser " + file.string() +
                               "` says which");
      ::usleep(5'000);
    }
    return turn;
  }
  Turn(Turn&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit Turn(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace

std::filesystem::path TrustedKeys::file_of(const NodeName& name) const {
  // A node name holds no slash and does not begin with a dot, so it cannot lead out of the directory.
  return key_dir_ / "trusted" / (name.text() + std::string{suffix});
}

std::expected<TrustedKeys, FileError> TrustedKeys::open(const std::filesystem::path& key_dir) {
  init_crypto();
  for (const auto& directory : {key_dir, key_dir / "trusted"})
    if (auto made = make_private_directory(directory, 0700); !made) return std::unexpected(made.error());
  TrustedKeys keys{key_dir};
  const auto turn = Turn::take(key_dir);
  if (!turn) return std::unexpected(turn.error());
  if (auto read = keys.refresh(); !read) return std::unexpected(read.error());
  if (auto adopted = keys.adopt_unrecorded(); !adopted) return std::unexpected(adopted.error());
  return keys;
}

std::expected<TrustedKeys, FileError> TrustedKeys::open_to_look(const std::filesystem::path& key_dir) {
  init_crypto();
  TrustedKeys keys{key_dir};
  if (auto read = keys.refresh(); !read) return std::unexpected(read.error());
  return keys;
}

std::expected<void, FileError> TrustedKeys::refresh() {
  const auto file = key_dir_ / "pinned";
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) {
    if (errno != ENOENT) return failed(file, "cannot be looked at");
    // Once there was a record; without it a lost pin would look like a name never met.
    if (seen_) return wrong(file, "the record of pins was there and is gone; restore it");
    record_.clear();
    return {};
  }
  const Seen now{.inode = status.st_ino, .size = static_cast<std::uint64_t>(status.st_size),
                 .changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
  if (seen_ == now) return {};

  const auto content = read_whole(file, record_bytes_max);
  if (!content) return std::unexpected(content.error());
  if (!*content) return wrong(file, "the record of pins was there and is gone; restore it");
  std::map<NodeName, std::string> record;
  std::string_view rest = as_text((*content)->bytes);
  // A tail without a newline is an append that a crash cut short. Nobody was told that it is done.
  rest = rest.substr(0, rest.rfind('\n') == std::string_view::npos ? 0 : rest.rfind('\n') + 1);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const auto space = line.find(' ');
    const auto name = NodeName::parse(line.substr(0, space));
    const std::string_view print = space == std::string_view::npos ? "" : line.substr(space + 1);
    if (!name || !is_fingerprint(print))
      return wrong(file, "line " + std::to_string(number) +
                             " is not `NAME fingerprint`; correct it (every line is a pin that was made)");
    if (print == taken_back) record.erase(*name);
    else record.insert_or_assign(*name, std::string{print});
    if (record.size() > pins_max) return wrong(file, "holds more than " + std::to_string(pins_max) + " names");
  }
  record_ = std::move(record);
  seen_ = now;
  return {};
}

std::expected<void, FileError> TrustedKeys::forget_history() {
  const auto file = key_dir_ / "pinned";
  std::string live;
  for (const auto& [name, print] : record_) live += line_of(name, print);
  std::error_code none;
  const auto size = std::filesystem::file_size(file, none);
  if (none || size < history_bytes_min || size < 2 * live.size()) return {};
  if (auto written = write_whole(file, as_bytes(live), 0600, Existing::replace); !written) return written;
  return refresh();
}

std::expected<void, FileError> TrustedKeys::append(const std::string& lines) {
  if (auto shortened = forget_history(); !shortened) return shortened;
  const auto file = key_dir_ / "pinned";
  const bool is_new = !std::filesystem::exists(std::filesystem::symlink_status(file));
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) return failed(file, "cannot be opened");
  const auto ended = [&](bool good, const std::string& what) -> std::expected<void, FileError> {
    const int error = errno;
    ::close(fd);
    errno = error;
    if (good) return {};
    return failed(file, what);
  };
  const auto content = read_whole(file, record_bytes_max);
  if (!content || !*content) {
    ::close(fd);
    return content ? wrong(file, "is gone") : std::unexpected(content.error());
  }
  // Cut off what a crash left of a line, or the new one would continue it.
  const std::string_view text = as_text((*content)->bytes);
  const std::size_t whole = text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1;
  if (whole + lines.size() > record_bytes_max) {
    ::close(fd);
    return wrong(file, "is full");
  }
  if (whole != text.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0)
    return ended(false, "cannot be cut to its last whole line");
  std::string_view left = lines;
  for (auto at = static_cast<off_t>(whole); !left.empty();) {
    const ssize_t written = ::pwrite(fd, left.data(), left.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      // No half line may stay in front of the next.
      const int error = errno;
      if (::ftruncate(fd, static_cast<off_t>(whole)) == 0) ::fsync(fd);
      errno = error;
      return ended(false, "cannot be written");
    }
    left.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  if (::fsync(fd) != 0) return ended(false, "cannot be synced");
  if (auto closed = ended(true, ""); !closed) return closed;
  if (is_new)
    if (auto synced = sync_directory(key_dir_); !synced) return synced;
  return refresh();
}

std::expected<std::vector<NodeName>, FileError> TrustedKeys::names_with_files() const {
  std::vector<NodeName> names;
  std::error_code error;
  const auto directory = key_dir_ / "trusted";
  for (std::filesystem::directory_iterator at{directory, error}, end; !error && at != end; at.increment(error)) {
    const std::string text = at->path().filename().string();
    if (!text.ends_with(suffix)) continue;
    if (const auto name = NodeName::parse(std::string_view{text}.substr(0, text.size() - suffix.size())))
      names.push_back(*name);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return wrong(directory, "cannot be read: " + error.message());
  std::ranges::sort(names);
  return names;
}

std::expected<void, FileError> TrustedKeys::adopt_unrecorded() {
  const auto names = names_with_files();
  if (!names) return std::unexpected(names.error());
  std::string lines;
  for (const NodeName& name : *names) {
    if (record_.contains(name)) continue;
    // One that cannot be read stays without a line: what it should be is not known, and its file refuses the peer.
    if (const auto key = inspect(name); key && *key) lines += line_of(name, fingerprint(**key));
  }
  return lines.empty() ? std::expected<void, FileError>{} : append(lines);
}

std::expected<std::optional<PublicKey>, PinProblem> TrustedKeys::inspect(const NodeName& name) {
  const auto file = file_of(name);
  const auto unreadable = [](std::string text) {
    return std::unexpected(PinProblem{PinError::unreadable, std::move(text)});
  };
  if (auto fresh = refresh(); !fresh) return unreadable(fresh.error().text);
  const auto recorded = record_.find(name);
  // One byte more than a key, so that a longer file is told from a right one.
  const auto content = read_whole(file, PublicKey::size + 1);
  if (!content) return unreadable(content.error().text);
  if (!*content) {
    if (recorded == record_.end()) return std::nullopt;
    return std::unexpected(PinProblem{PinError::missing_of_record,
                                      file.string() + ": the pin of " + name.text() + " (" + recorded->second +
                                          ") is gone; restore the file, or `barrel-p2pd keys unpin " + name.text() +
                                          "`"});
  }
  const Bytes& bytes = (*content)->bytes;
  if (bytes.size() != PublicKey::size)
    return unreadable(file.string() + ": has " + std::to_string(bytes.size()) + " bytes, a pinned key has 32");
  PublicKey key;
  std::ranges::copy(bytes, key.bytes.begin());
  if (recorded != record_.end() && recorded->second != fingerprint(key))
    return unreadable(file.string() + ": is not the key that was pinned: it is " + fingerprint(key) + ", pinned was " +
                      recorded->second + "; restore it, or `barrel-p2pd keys pin " + name.text() + " KEY`");
  return key;
}

PinRead TrustedKeys::read(const NodeName& name) {
  auto pin = inspect(name);
  if (pin) return *pin;
  const auto complaint = std::pair{name, pin.error().error};
  if (complained_.size() < complaints_max && complained_.insert(complaint).second)
    log::error("pin.refused", pin.error().text, {{"name", name.text()}});
  return std::unexpected(pin.error().error);
}

std::expected<void, FileError> TrustedKeys::store(const PublicKey& key, std::span<const NodeName> names) {
  const auto turn = Turn::take(key_dir_);
  if (!turn) return std::unexpected(turn.error());
  std::vector<NodeName> fresh;
  for (const NodeName& name : names) {
    const auto pin = inspect(name);
    if (!pin) return std::unexpected(FileError{pin.error().text});
    if (*pin && **pin != key)
      return wrong(file_of(name), name.text() + " is pinned to " + fingerprint(**pin) + ", not to " + fingerprint(key));
    if (!*pin || !record_.contains(name)) fresh.push_back(name);
  }
  std::ranges::sort(fresh);
  fresh.erase(std::ranges::unique(fresh).begin(), fresh.end());
  if (record_.size() + fresh.size() > pins_max)
    return wrong(key_dir_, "holds " + std::to_string(record_.size()) + " pins, " + std::to_string(pins_max) +
                               " are allowed");
  // The file before its line: a crash between the two leaves a pin without a line, which open() gives one. The
  // other order would leave a line without a file, which only an operator may repair.
  if (fresh.empty()) return {};
  std::string lines;
  for (const NodeName& name : fresh) {
    if (auto written = put_in_place(file_of(name), key.bytes, 0600, Existing::replace); !written) return written;
    lines += line_of(name, fingerprint(key));
  }
  if (auto synced = sync_directory(key_dir_ / "trusted"); !synced) return synced;  // once for all of them
  return append(lines);
}

std::expected<void, FileError> TrustedKeys::replace(const PublicKey& key, const NodeName& name) {
  const auto turn = Turn::take(key_dir_);
  if (!turn) return std::unexpected(turn.error());
  if (auto fresh = refresh(); !fresh) return fresh;
  if (!record_.contains(name) && record_.size() >= pins_max)
    return wrong(key_dir_, "holds " + std::to_string(record_.size()) + " pins already");
  if (auto written = write_whole(file_of(name), key.bytes, 0600, Existing::replace); !written) return written;
  std::erase_if(complained_, [&](const auto& complaint) { return complaint.first == name; });
  return append(line_of(name, fingerprint(key)));
}

std::expected<bool, FileError> TrustedKeys::unpin(const NodeName& name) {
  const auto turn = Turn::take(key_dir_);
  if (!turn) return std::unexpected(turn.error());
  if (auto fresh = refresh(); !fresh) return std::unexpected(fresh.error());
  const auto file = file_of(name);
  const bool recorded = record_.contains(name);
  // The file first: a crash between the two leaves a line without a file, and the name stays refused.
  const bool removed = ::unlink(file.c_str()) == 0;
  if (!removed && errno != ENOENT) return failed(file, "cannot be removed");
  if (removed)
    if (auto synced = sync_directory(file.parent_path()); !synced) return std::unexpected(synced.error());
  if (recorded)
    if (auto written = append(line_of(name, taken_back)); !written) return std::unexpected(written.error());
  std::erase_if(complained_, [&](const auto& complaint) { return complaint.first == name; });
  return recorded || removed;
}

std::vector<NodeName> TrustedKeys::names_of(const PublicKey& key) const {
  const std::string print = fingerprint(key);
  std::vector<NodeName> names;
  for (const auto& [name, pinned] : record_)
    if (pinned == print) names.push_back(name);
  return names;
}

std::set<std::string> TrustedKeys::hosts_of_others(const PublicKey& key, std::span<const NodeName> names) const {
  const std::string print = fingerprint(key);
  std::set<std::string_view> asked;
  for (const NodeName& name : names) asked.insert(name.host());
  std::set<std::string> hosts;
  for (const auto& [name, pinned] : record_)
    if (pinned != print && asked.contains(name.host())) hosts.emplace(name.host());
  return hosts;
}

std::expected<std::vector<TrustedKeys::Pin>, FileError> TrustedKeys::list() {
  if (auto fresh = refresh(); !fresh) return std::unexpected(fresh.error());
  auto names = names_with_files();
  if (!names) return std::unexpected(names.error());
  for (const auto& [name, print] : record_) names->push_back(name);
  std::ranges::sort(*names);
  names->erase(std::ranges::unique(*names).begin(), names->end());
  std::vector<Pin> pins;
  for (const NodeName& name : *names) {
    auto key = inspect(name);
    if (!key) pins.push_back({name, std::unexpected(key.error())});
    else if (*key) pins.push_back({name, **key});
  }
  return pins;
}

}  // namespace bp2p
