#include "daemon/quic/send_queue.h"

#include <algorithm>
#include <cstring>

#include "proto/base/check.h"

namespace bp2p::quic {

void SendQueue::append(const Buffer::Ref& buffer, ByteView bytes, std::uint64_t stamp, std::uint64_t frames) {
  if (bytes.empty()) return;
  unsent_ += bytes.size();
  held_ += bytes.size();
  if (!slices_.empty()) {
    Slice& last = slices_.back();
    if (last.buffer == buffer && last.data + last.size == bytes.data() && last.stamp == stamp &&
        last.size + bytes.size() <= slice_max) {
      if (next_ == slices_.size()) {  // it was sent whole: take it up again
        --next_;
        next_offset_ = last.size;
      }
      last.size += bytes.size();
      last.frames = std::max(last.frames, frames);
      return;
    }
  }
  slices_.push_back({buffer, bytes.data(), bytes.size(), stamp, frames});
}

void SendQueue::append_copy(ByteView bytes, std::uint64_t stamp, std::uint64_t frames) {
  while (!bytes.empty()) {
    if (!scratch_ || scratch_->room() == 0) scratch_ = Buffer::make(Buffer::small_size);
    const std::size_t size = std::min(bytes.size(), scratch_->room());
    std::byte* to = scratch_->tail().data();
    std::memcpy(to, bytes.data(), size);
    scratch_->grow(size);
    append(scratch_, {to, size}, stamp, frames);
    bytes = bytes.subspan(size);
  }
}

std::size_t SendQueue::gather(std::span<ByteView> out) const {
  std::size_t count = 0;
  std::size_t offset = next_offset_;
  for (std::size_t i = next_; i < slices_.size() && count < out.size(); ++i, offset = 0) {
    out[count++] = {slices_[i].data + offset, slices_[i].size - offset};
  }
  return count;
}

void SendQueue::on_sent(std::size_t size) {
  BP2P_CHECK(size <= unsent_);
  unsent_ -= size;
  sent_ += size;
  while (size > 0) {
    const std::size_t left = slices_[next_].size - next_offset_;
    if (size < left) {
      next_offset_ += size;
      return;
    }
    size -= left;
    next_offset_ = 0;
    ++next_;
  }
}

bool SendQueue::on_acknowledged(std::uint64_t offset) {
  bool released = false;
  while (!slices_.empty() && next_ > 0 && base_ + slices_.front().size <= offset) {
    base_ += slices_.front().size;
    held_ -= slices_.front().size;
    acknowledged_frames_ = std::max(acknowledged_frames_, slices_.front().frames);
    slices_.pop_front();
    --next_;
    released = true;
  }
  return released;
}

void SendQueue::clear() {
  slices_.clear();
  next_ = next_offset_ = 0;
  unsent_ = held_ = 0;
  scratch_ = {};
}

}  // namespace bp2p::quic
