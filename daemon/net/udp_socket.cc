#include "daemon/net/udp_socket.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "daemon/net/sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace bp2p {
namespace {

// 8 messages of 64 KiB: with GRO one message holds many datagrams, so this is up to 360 packets of 1,452 bytes a call.
constexpr std::size_t batch_messages = 8;
constexpr std::size_t message_bytes = 65'536;
// Datagrams of one wake-up are bounded so that timers, writes and the node sockets get their turn.
constexpr int batches_per_receive = 4;
constexpr std::size_t control_bytes = 256;

void set_option(int fd, int level, int name, int value) {
  // A refusal is not an error: what the kernel lacks costs speed, not correctness.
  ::setsockopt(fd, level, name, &value, sizeof value);
}

/// Only ever raises: a socket unit may have given more than an unprivileged process could ask for.
void raise_buffer(int fd, int name, int force_name, std::size_t wanted) {
  int have = 0;
  socklen_t size = sizeof have;
  ::getsockopt(fd, SOL_SOCKET, name, &have, &size);
  if (have / 2 >= static_cast<int>(wanted)) return;  // the kernel reports twice what it was asked for
  const int value = static_cast<int>(wanted);
  if (::setsockopt(fd, SOL_SOCKET, force_name, &value, sizeof value) != 0)
    ::setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
}

template <class T>
void put_control(msghdr& message, std::byte* control, int level, int type, const T& value) {
  auto* header = reinterpret_cast<cmsghdr*>(control + message.msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

}  // namespace

struct UdpSocket::Batch {
  std::array<mmsghdr, batch_messages> headers{};
  std::array<iovec, batch_messages> vectors{};
  std::array<sockaddr_in6, batch_messages> from{};
  alignas(cmsghdr) std::array<std::array<std::byte, control_bytes>, batch_messages> control;
  std::unique_ptr<std::byte[]> bytes = std::make_unique_for_overwrite<std::byte[]>(batch_messages * message_bytes);
};

UdpSocket::UdpSocket(const Address& at, const Options& options) {
  const auto fail = [&](const char* what) {
    const int error = errno;
    if (fd_ >= 0) ::close(fd_);
    throw std::system_error(error, std::system_category(), std::string{what} + " UDP " + at.text());
  };
  constexpr int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (!at.is_v4()) fd_ = ::socket(AF_INET6, type, 0);
  const bool any = at.ip == Address{}.ip;
  if (fd_ < 0 && (at.is_v4() || any)) {
    family_ = AF_INET;
    fd_ = ::socket(AF_INET, type, 0);
  }
  if (fd_ < 0) fail("cannot open a socket for");
  int result = 0;
  if (family_ == AF_INET6) {
    set_option(fd_, IPPROTO_IPV6, IPV6_V6ONLY, any ? 0 : 1);
    const sockaddr_in6 address = to_sockaddr6(at);
    result = ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    const sockaddr_in address = any ? sockaddr_in{.sin_family = AF_INET, .sin_port = htons(at.port), .sin_addr = {}, .sin_zero = {}}
                                    : to_sockaddr4(at);
    result = ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (result != 0) fail("cannot listen on");
  set_up(options);
}

UdpSocket::UdpSocket(int bound_fd, const Options& options) : fd_(bound_fd) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &size) != 0)
    throw std::system_error(errno, std::system_category(), "the UDP socket handed over is none");
  family_ = local.ss_family;
  set_up(options);
}

void UdpSocket::set_up(const Options& options) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &size);
  local_ = from_sockaddr(reinterpret_cast<const sockaddr*>(&local)).value_or(Address{});

  if (family_ == AF_INET6) {
    int only = 0;
    socklen_t only_size = sizeof only;
    ::getsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &only, &only_size);
    is_v6_only_ = only != 0;
    set_option(fd_, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_option(fd_, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    set_option(fd_, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
  }
  // On an IPv6 socket these concern the IPv4 that comes through it.
  if (family_ == AF_INET) set_option(fd_, IPPROTO_IP, IP_PKTINFO, 1);
  set_option(fd_, IPPROTO_IP, IP_RECVTOS, 1);
  set_option(fd_, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  set_option(fd_, SOL_SOCKET, SO_RXQ_OVFL, 1);
  raise_buffer(fd_, SO_RCVBUF, SO_RCVBUFFORCE, options.receive_buffer);
  raise_buffer(fd_, SO_SNDBUF, SO_SNDBUFFORCE, options.send_buffer);
  int granted = 0;
  socklen_t granted_size = sizeof granted;
  ::getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &granted, &granted_size);
  receive_buffer_ = static_cast<std::size_t>(granted) / 2;

  if (options.gro) set_option(fd_, SOL_UDP, UDP_GRO, 1);
  if (options.gso) {
    // The socket option wants an int, the control message a uint16_t; 0 only asks whether the kernel knows it.
    const int none = 0;
    gso_ = ::setsockopt(fd_, SOL_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
  }

  batch_ = std::make_unique<Batch>();
  for (std::size_t i = 0; i < batch_messages; ++i) {
    batch_->vectors[i] = {batch_->bytes.get() + i * message_bytes, message_bytes};
    msghdr& header = batch_->headers[i].msg_hdr;
    header.msg_name = &batch_->from[i];
    header.msg_iov = &batch_->vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = batch_->control[i].data();
  }
}

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

bool UdpSocket::receive(const std::function<void(const Datagram&)>& each) {
  for (int round = 0; round < batches_per_receive; ++round) {
    for (auto& header : batch_->headers) {
      header.msg_hdr.msg_namelen = sizeof(sockaddr_in6);
      header.msg_hdr.msg_controllen = control_bytes;
    }
    const int count = ::recvmmsg(fd_, batch_->headers.data(), batch_messages, MSG_DONTWAIT, nullptr);
    if (count <= 0) return false;  // empty, or an ICMP error that QUIC's own timers judge better
    for (int i = 0; i < count; ++i) {
      mmsghdr& received = batch_->headers[static_cast<std::size_t>(i)];
      msghdr& header = received.msg_hdr;
      if (header.msg_flags & MSG_TRUNC) continue;
      const auto from = from_sockaddr(static_cast<const sockaddr*>(header.msg_name));
      if (!from || from->port == 0) continue;
      Datagram datagram{*from, local_, 0, {}};
      std::size_t segment = received.msg_len;
      for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
        const auto* value = CMSG_DATA(item);
        if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
          in6_pktinfo info{};
          std::memcpy(&info, value, sizeof info);
          std::memcpy(datagram.to.ip.data(), &info.ipi6_addr, datagram.to.ip.size());
        } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
          in_pktinfo info{};
          std::memcpy(&info, value, sizeof info);
          datagram.to.ip = {};
          datagram.to.ip[10] = datagram.to.ip[11] = std::byte{0xff};
          std::memcpy(datagram.to.ip.data() + 12, &info.ipi_addr, 4);
        } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_TCLASS) {
          int traffic_class = 0;
          std::memcpy(&traffic_class, value, sizeof traffic_class);
          datagram.ecn = static_cast<std::uint8_t>(traffic_class & 3);
        } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TOS) {
          datagram.ecn = static_cast<std::uint8_t>(*value & 3);
        } else if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
          int size = 0;
          std::memcpy(&size, value, sizeof size);
          if (size > 0) segment = static_cast<std::size_t>(size);
        } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_RXQ_OVFL) {
          std::uint32_t drops = 0;
          std::memcpy(&drops, value, sizeof drops);
          kernel_drops_ = drops;
        }
      }
      const ByteView whole{static_cast<const std::byte*>(header.msg_iov->iov_base), received.msg_len};
      for (std::size_t at = 0; at < whole.size(); at += segment) {
        datagram.bytes = whole.subspan(at, std::min(segment, whole.size() - at));
        each(datagram);
      }
    }
    if (static_cast<std::size_t>(count) < batch_messages) return false;
  }
  return true;
}

SendResult UdpSocket::send(const Address& to, const Address& from, std::uint8_t ecn, ByteView bytes,
                           std::size_t segment) {
  if (bytes.size() <= segment || gso_) return send_one(to, from, ecn, bytes, segment);
  for (std::size_t at = 0; at < bytes.size(); at += segment) {
    const SendResult result = send_one(to, from, ecn, bytes.subspan(at, std::min(segment, bytes.size() - at)), segment);
    if (result != SendResult::sent) return result;
  }
  return SendResult::sent;
}

SendResult UdpSocket::send_one(const Address& to, const Address& from, std::uint8_t ecn, ByteView bytes,
                               std::size_t segment) {
  const sockaddr_in6 to6 = to_sockaddr6(to);
  const sockaddr_in to4 = family_ == AF_INET ? to_sockaddr4(to) : sockaddr_in{};
  iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<std::byte, control_bytes> control{};
  msghdr message{};
  if (family_ == AF_INET6) {
    message.msg_name = const_cast<sockaddr_in6*>(&to6);
    message.msg_namelen = sizeof to6;
  } else {
    message.msg_name = const_cast<sockaddr_in*>(&to4);
    message.msg_namelen = sizeof to4;
  }
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  if (from.ip != Address{}.ip) {
    if (family_ == AF_INET6) {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, from.ip.data(), from.ip.size());
      put_control(message, control.data(), IPPROTO_IPV6, IPV6_PKTINFO, info);
    } else {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, from.ip.data() + 12, 4);
      put_control(message, control.data(), IPPROTO_IP, IP_PKTINFO, info);
    }
  }
  if (ecn != 0) {
    const int mark = ecn;
    if (to.is_v4()) {
      put_control(message, control.data(), IPPROTO_IP, IP_TOS, mark);
    } else {
      put_control(message, control.data(), IPPROTO_IPV6, IPV6_TCLASS, mark);
    }
  }
  if (bytes.size() > segment) put_control(message, control.data(), SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(segment));
  if (message.msg_controllen == 0) message.msg_control = nullptr;

  for (;;) {
    if (::sendmsg(fd_, &message, MSG_DONTWAIT) >= 0) return SendResult::sent;
    switch (errno) {
      case EINTR: continue;
      case EAGAIN: return SendResult::would_block;
      case EMSGSIZE: return SendResult::too_big;
      case EIO:
        // A device without checksum offload refuses segmentation (seen on some virtual ones): do it here instead.
        if (bytes.size() > segment) {
          gso_ = false;
          return send(to, from, ecn, bytes, segment);
        }
        [[fallthrough]];
      default: ++send_failures_; return SendResult::failed;
    }
  }
}

}  // namespace bp2p
