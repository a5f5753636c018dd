#include "translator.h"

#include <optional>

namespace e2e {
namespace {

// A frame: virtio header, Ethernet, IPv4, UDP (packet_port.h).
constexpr std::size_t ethernet = 10, ip = ethernet + 14;
constexpr std::uint8_t checksum_is_outstanding = 1;  // VIRTIO_NET_HDR_F_NEEDS_CSUM

std::uint16_t load(const Frame& frame, std::size_t at) {
  return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}

void store(Frame& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

/// Where the UDP header is. None: not UDP over IPv4, or a later fragment.
std::optional<std::size_t> udp_header(const Frame& frame) {
  if (frame.size() < ip + 20 || load(frame, ethernet + 12) != 0x0800 || frame[ip + 9] != 17) return std::nullopt;
  if ((load(frame, ip + 6) & 0x1fff) != 0) return std::nullopt;
  const std::size_t udp = ip + std::size_t{4} * (frame[ip] & 15);
  if (frame.size() < udp + 8) return std::nullopt;
  return udp;
}

void change_port(Frame& frame, std::size_t udp, std::size_t at, std::uint16_t port) {
  const std::uint16_t before = load(frame, at);
  store(frame, at, port);
  const std::uint16_t checksum = load(frame, udp + 6);
  // An outstanding checksum field holds the sum of the pseudo-header only, and ports are not in that.
  if ((frame[0] & checksum_is_outstanding) != 0 || checksum == 0) return;
  std::uint32_t sum = static_cast<std::uint32_t>(static_cast<std::uint16_t>(~checksum)) +  // RFC 1624, equation 3
                      static_cast<std::uint16_t>(~before) + port;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  const auto result = static_cast<std::uint16_t>(~sum);
  store(frame, udp + 6, result == 0 ? std::uint16_t{0xffff} : result);
}

}  // namespace

void Translator::outward(Frame& frame) {
  if (shift_ == 0) return;
  if (auto udp = udp_header(frame)) {
    ++translated_;
    change_port(frame, *udp, *udp, static_cast<std::uint16_t>(load(frame, *udp) + shift_));
  }
}

void Translator::inward(Frame& frame) {
  if (shift_ == 0) return;
  if (auto udp = udp_header(frame)) {
    ++translated_;
    change_port(frame, *udp, *udp + 2, static_cast<std::uint16_t>(load(frame, *udp + 2) - shift_));
  }
}

}  // namespace e2e
