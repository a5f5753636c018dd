#include "daemon/beam/write_gathered.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

namespace bp2p {
namespace {
constexpr std::size_t vectors_per_write = 64;
constexpr std::size_t bytes_per_write = 256 * 1024;
}  // namespace

void drop_gathered(dist::Merge& merge, dist::Credit& credit) {
  std::array<ByteView, vectors_per_write> spans;
  while (const std::size_t count = merge.gather(spans, bytes_per_write)) {
    std::size_t size = 0;
    for (const ByteView span : std::span{spans}.first(count)) size += span.size();
    merge.consume(size, credit);
  }
}

NodeWrite write_gathered(int fd, dist::Merge& merge, dist::Credit& credit) {
  for (;;) {
    std::array<ByteView, vectors_per_write> spans;
    const std::size_t count = merge.gather(spans, bytes_per_write);
    if (count == 0) return NodeWrite::all;
    std::array<iovec, vectors_per_write> vectors;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<std::byte*>(spans[i].data()), spans[i].size()};
      wanted += spans[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t size = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? NodeWrite::blocked : NodeWrite::gone;
    }
    merge.consume(static_cast<std::size_t>(size), credit);
    if (static_cast<std::size_t>(size) < wanted) return NodeWrite::blocked;
  }
}

}  // namespace bp2p
