// Keeps the address book on disk as it is, on a thread of its own: neither frames nor a stop wait for a disk.
#pragma once
#include <condition_variable>
#include <expected>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/files/whole_file.h"
#include "proto/base/now.h"
#include "proto/membership/address_book.h"

namespace bp2p {

class AddressBookWriter {
 public:
  using Book = std::vector<membership::SavedContact>;
  using Save = std::function<std::expected<void, FileError>(const Book&)>;
  using Trouble = std::function<void(const std::string& text)>;

  /// Both are called on the thread.
  AddressBookWriter(Save save, Trouble trouble);
  /// Waits for the thread, however long the disk takes.
  ~AddressBookWriter();

  /// Only the last call counts. What says the same as the file is not written: the same records, met and lost. When each was
  /// seen last changes all the time and matters little, so that is brought up to date once an hour.
  void set(Book book, TimePoint now);
  /// Until the last set() is done or has failed; false: it is still at it when the time is over.
  bool wait(Duration time);
  bool is_busy() { return !wait(Duration::zero()); }

 private:
  void work(const std::stop_token& stop);

  const Save save_;
  const Trouble trouble_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Book> wanted_;  // none: nothing to write
  std::optional<Book> written_;
  TimePoint written_at_{};
  bool is_writing_ = false;
  std::jthread thread_;  // last: the first to go
};

}  // namespace bp2p
