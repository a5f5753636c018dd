#include "daemon/files/address_book_writer.h"

#include <algorithm>
#include <utility>

namespace bp2p {
namespace {

bool says_the_same(const AddressBookWriter::Book& one, const AddressBookWriter::Book& other) {
  return std::ranges::equal(one, other, [](const auto& a, const auto& b) {
    return a.met == b.met && a.lost.has_value() == b.lost.has_value() && *a.contact->record == *b.contact->record;
  });
}

}  // namespace

AddressBookWriter::AddressBookWriter(Save save, Trouble trouble)
    : save_(std::move(save)), trouble_(std::move(trouble)), thread_([this](const std::stop_token& stop) { work(stop); }) {}

AddressBookWriter::~AddressBookWriter() = default;

void AddressBookWriter::set(Book book, TimePoint now) {
  const std::lock_guard lock{mutex_};
  if (!is_writing_ && written_ && now - written_at_ < std::chrono::hours{1} && says_the_same(book, *written_)) return wanted_.reset();
  wanted_ = std::move(book);
  written_at_ = now;
  changed_.notify_all();
}

bool AddressBookWriter::wait(Duration time) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, time, [&] { return !wanted_ && !is_writing_; });
}

void AddressBookWriter::work(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (changed_.wait(lock, stop, [&] { return wanted_.has_value(); })) {
    Book book = *std::exchange(wanted_, std::nullopt);
    is_writing_ = true;
    lock.unlock();
    const auto saved = save_(book);
    if (!saved) trouble_(saved.error().text);
    lock.lock();
    if (saved) written_ = std::move(book);
    else written_.reset();
    is_writing_ = false;
    changed_.notify_all();
  }
}

}  // namespace bp2p
