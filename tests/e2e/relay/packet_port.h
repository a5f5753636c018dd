// One end of the line: every Ethernet frame of one network interface, read and written past the kernel's own
// stack. Frames carry a virtio header, so that a checksum which the sending host left to its "hardware"
// is still known to be outstanding when the frame reaches the other host.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "impairment.h"

namespace e2e {

class PacketPort {
 public:
  /// Throws std::system_error when there is no such interface or we may not.
  explicit PacketPort(const std::string& interface);
  ~PacketPort();
  PacketPort(const PacketPort&) = delete;
  PacketPort& operator=(const PacketPort&) = delete;

  int fd() const { return fd_; }
  /// The next frame that is there. False: none, for now.
  bool receive(Frame& frame);
  /// False: the kernel would not take it, which is one more way to lose a frame.
  bool send(const Frame& frame);

 private:
  int fd_ = -1;
};

/// IPv4 or IPv6, but not neighbour discovery.
bool is_payload(const Frame& frame);

}  // namespace e2e
