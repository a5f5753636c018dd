#include "daemon/beam/node_input.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace bp2p {
namespace {
// A read into less room than this wastes a system call: a fresh buffer is taken instead.
constexpr std::size_t read_room_min = 16 * 1024;
}  // namespace

NodeInput::NodeInput(ByteView first) : buffer_(Buffer::make(std::max(Buffer::read_size, first.size()))) {
  std::ranges::copy(first, buffer_->data());
  buffer_->grow(first.size());
}

NodeInput::Read NodeInput::read(int fd) {
  if (buffer_->room() < read_room_min) {
    // Frames are looked at in one piece: what is not parsed yet moves along. It is less than a head.
    Buffer::Ref fresh = Buffer::make(Buffer::read_size);
    const ByteView left = rest();
    std::ranges::copy(left, fresh->data());
    fresh->grow(left.size());
    live_.push_back(std::move(buffer_));
    buffer_ = std::move(fresh);
    parsed_ = 0;
  }
  const std::span<std::byte> room = buffer_->tail();
  ssize_t size = -1;
  do size = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return Read::drained;
  if (size <= 0) return Read::closed;
  buffer_->grow(static_cast<std::size_t>(size));
  return static_cast<std::size_t>(size) < room.size() ? Read::drained : Read::full;
}

std::size_t NodeInput::held_bytes() {
  std::erase_if(live_, [](const Buffer::Ref& buffer) { return !buffer.is_shared(); });
  return live_.size() * Buffer::read_size;
}

}  // namespace bp2p
