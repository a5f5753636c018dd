#include "daemon/beam/pipe.h"

#include <sys/ioctl.h>

namespace bp2p {

bool has_unread(int fd) {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace bp2p
