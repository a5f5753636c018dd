#include "daemon/discovery/own_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "daemon/discovery/endpoint_file.h"
#include "daemon/files/whole_file.h"

namespace bp2p {
namespace {

ByteView bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

bool has_text(const std::filesystem::path& file, std::string_view text) {
  const auto content = read_whole(file, endpoint_file_bytes_max);
  return content && *content && std::ranges::equal((*content)->bytes, bytes_of(text));
}

}  // namespace

OwnFiles::OwnFiles(std::filesystem::path directory, Trouble trouble, Duration again)
    : directory_(std::move(directory)), trouble_(std::move(trouble)), again_(again),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

OwnFiles::~OwnFiles() = default;  // the thread is the last member, so the first to go

void OwnFiles::set(Wanted wanted) {
  const std::lock_guard lock{mutex_};
  wanted_ = std::move(wanted);
  ++asked_;
  changed_.notify_all();
}

bool OwnFiles::wait(Duration time) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, time, [&] { return done_ == asked_; });
}

void OwnFiles::work(const std::stop_token& stop) {
  bool has_failed = false;
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    const auto is_due = [&] { return done_ != asked_; };
    if (has_failed) changed_.wait_for(lock, stop, again_, is_due);
    else changed_.wait(lock, stop, is_due);
    if (stop.stop_requested()) return;
    const Wanted wanted = wanted_;
    const std::uint64_t asked = asked_;
    lock.unlock();
    const std::string problem = make_so(wanted);
    has_failed = !problem.empty();
    if (has_failed) trouble_(problem);
    lock.lock();
    done_ = asked;
    changed_.notify_all();
  }
}

std::string OwnFiles::make_so(const Wanted& wanted) {
  std::string problem;
  for (auto each = written_.begin(); each != written_.end();) {
    const auto file = endpoint_file(directory_, each->first);
    // Whoever wrote it last has the node. Between the look and the removal another daemon may write; then the node is not
    // found by its file until it attaches again, which is the price of having no lock on a network file system.
    if (!wanted.contains(each->first) && has_text(file, each->second) && ::unlink(file.c_str()) != 0 && errno != ENOENT &&
        problem.empty())
      problem = file.string() + ": cannot be removed: " + std::generic_category().message(errno);
    each = wanted.contains(each->first) ? std::next(each) : written_.erase(each);
  }
  if (!wanted.empty() && ::mkdir(directory_.c_str(), 0755) == 0) ::chmod(directory_.c_str(), 0755);  // its last part alone
  for (const auto& [name, text] : wanted) {
    if (const auto found = written_.find(name); found != written_.end() && found->second == text) continue;
    // 0644: the daemons of other hosts may be other users there.
    if (const auto done = write_whole(endpoint_file(directory_, name), bytes_of(text), 0644, Existing::replace); done)
      written_.insert_or_assign(name, text);
    else if (problem.empty()) problem = done.error().text;
  }
  return problem;
}

}  // namespace bp2p
