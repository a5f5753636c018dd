#include "daemon/files/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace bp2p {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<FileError> failed(const std::filesystem::path& file, const std::string& what, int error = errno) {
  return std::unexpected(FileError{file.string() + ": " + what + ": " + std::generic_category().message(error)});
}
std::unexpected<FileError> wrong(const std::filesystem::path& file, const std::string& what) {
  return std::unexpected(FileError{file.string() + ": " + what});
}

bool write_all(int fd, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::expected<void, FileError> sync_directory(const std::filesystem::path& directory) {
  const Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return failed(directory, "cannot be opened");
  if (::fsync(fd.get()) != 0) return failed(directory, "cannot be synced");
  return {};
}

std::expected<void, FileError> write_whole(const std::filesystem::path& file, ByteView content, mode_t mode,
                                           Existing existing) {
  if (auto written = put_in_place(file, content, mode, existing); !written) return written;
  return sync_directory(file.has_parent_path() ? file.parent_path() : ".");
}

std::expected<void, FileError> put_in_place(const std::filesystem::path& file, ByteView content, mode_t mode,
                                            Existing existing) {
  // The dot keeps a file left by a crash out of listings of NAME.pub; mkstemp makes it 0600 and ours alone.
  std::string beside = (file.parent_path() / ".new-XXXXXX").string();
  const Fd fd{::mkostemp(beside.data(), O_CLOEXEC)};
  if (!fd) return failed(file, "cannot be created");
  const auto give_up = [&](const std::string& what) {
    const int error = errno;
    ::unlink(beside.c_str());
    return failed(file, what, error);
  };
  if (!write_all(fd.get(), content)) return give_up("cannot be written");
  if (::fchmod(fd.get(), mode) != 0) return give_up("cannot be given its mode");
  if (::fsync(fd.get()) != 0) return give_up("cannot be synced");
  // link() fails where rename() would replace.
  if (existing == Existing::keep) {
    if (::link(beside.c_str(), file.c_str()) != 0) return give_up("cannot be created");
    ::unlink(beside.c_str());
  } else if (::rename(beside.c_str(), file.c_str()) != 0) {
    return give_up("cannot be put in place");
  }
  return {};
}

std::expected<std::optional<FileContent>, FileError> read_whole(const std::filesystem::path& file,
                                                                std::size_t bytes_max) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const Fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    if (errno == ELOOP) return wrong(file, "is a symbolic link");
    return failed(file, "cannot be opened");
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(file, "cannot be looked at");
  if (S_ISDIR(status.st_mode)) return wrong(file, "is a directory, not a file");
  if (!S_ISREG(status.st_mode)) return wrong(file, "is not a regular file");
  if (std::cmp_greater(status.st_size, bytes_max))
    return wrong(file, "has " + std::to_string(status.st_size) + " bytes, at most " + std::to_string(bytes_max) +
                           " were expected");

  FileContent content{.bytes = Bytes(static_cast<std::size_t>(status.st_size) + 1),
                      .mode = status.st_mode & 07777, .owner = status.st_uid};
  std::size_t have = 0;
  while (have < content.bytes.size()) {
    const ssize_t got = ::read(fd.get(), content.bytes.data() + have, content.bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(file, "cannot be read");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (std::cmp_not_equal(have, status.st_size)) return wrong(file, "changed while it was read");
  content.bytes.resize(have);
  return content;
}

std::expected<void, FileError> require_parent(const std::filesystem::path& directory) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(directory, error).lexically_normal();
  // A slash at the end is an empty last part.
  const auto parent = absolute.has_filename() ? absolute.parent_path() : absolute.parent_path().parent_path();
  if (error || std::filesystem::is_directory(parent, error)) return {};
  return wrong(directory, "cannot be made, " + parent.string() + " is not there; is the path right?");
}

std::expected<void, FileError> make_private_directory(const std::filesystem::path& directory, mode_t mode) {
  std::error_code error;
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), error);
  if (error) return failed(directory.parent_path(), "cannot be created", error.value());
  if (::mkdir(directory.c_str(), mode) == 0) {
    // Not the mode of mkdir alone: the umask may have taken bits away that we want.
    if (::chmod(directory.c_str(), mode) != 0) return failed(directory, "cannot be given its mode");
    return sync_directory(directory.has_parent_path() ? directory.parent_path() : ".");
  }
  if (errno != EEXIST) return failed(directory, "cannot be created");
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return failed(directory, "cannot be looked at");
  if (!S_ISDIR(status.st_mode)) return wrong(directory, "is not a directory");
  if ((status.st_mode & 022) != 0)
    return wrong(directory, "can be written by others than its owner; chmod go-w makes it right");
  return {};
}

}  // namespace bp2p
