#include "packet_port.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace e2e {
namespace {

constexpr std::size_t virtio_header_bytes = 10;  // struct virtio_net_hdr; its header is not C++

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void set_option(int fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0) fail(what);
}

}  // namespace

PacketPort::PacketPort(const std::string& interface) {
  fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
  if (fd_ < 0) fail("packet socket");
  set_option(fd_, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  set_option(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  set_option(fd_, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20, "SO_RCVBUFFORCE");
  set_option(fd_, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20, "SO_SNDBUFFORCE");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex == 0) fail(interface.c_str());
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(interface.c_str());
}

PacketPort::~PacketPort() {
  if (fd_ >= 0) close(fd_);
}

bool PacketPort::receive(Frame& frame) {
  std::uint8_t buffer[virtio_header_bytes + 65536 + 64];
  const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
  if (size <= static_cast<ssize_t>(virtio_header_bytes)) return false;
  frame.assign(buffer, buffer + size);
  return true;
}

bool PacketPort::send(const Frame& frame) { return ::send(fd_, frame.data(), frame.size(), 0) >= 0; }

bool is_payload(const Frame& frame) {
  const std::size_t ethernet = virtio_header_bytes;
  if (frame.size() < ethernet + 14 + 20) return false;
  const unsigned type = static_cast<unsigned>(frame[ethernet + 12] << 8 | frame[ethernet + 13]);
  if (type == ETH_P_IP) return true;
  constexpr std::uint8_t icmpv6 = 58;
  return type == ETH_P_IPV6 && frame[ethernet + 14 + 6] != icmpv6;
}

}  // namespace e2e
