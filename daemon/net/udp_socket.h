// One UDP port: many datagrams per system call in both directions (GSO, GRO, recvmmsg), with the local address and
// the ECN mark of each. Knows nothing of QUIC.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"

namespace bp2p {

/// One datagram that came in.
struct Datagram {
  Address from;
  Address to;          ///< our address it was sent to, with our port
  std::uint8_t ecn = 0;
  ByteView bytes;      ///< valid during the callback
};

enum class SendResult : std::uint8_t {
  sent,
  would_block,  ///< the kernel's buffer is full
  too_big,      ///< larger than the path takes (path MTU probes find out this way)
  failed,       ///< counted; the datagram is lost, as datagrams are
};

class UdpSocket {
 public:
  struct Options {
    std::size_t receive_buffer = 8u << 20;
    std::size_t send_buffer = 8u << 20;
    bool gso = true;
    bool gro = true;
  };

  /// Binds; throws std::system_error with a plain sentence. `::` takes IPv4 too; on a host without IPv6 it becomes
  /// 0.0.0.0.
  UdpSocket(const Address& at, const Options& options);
  /// Takes over a bound socket (socket activation).
  UdpSocket(int bound_fd, const Options& options);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  int fd() const { return fd_; }
  const Address& local() const { return local_; }
  bool can_reach(const Address& remote) const { return remote.is_v4() ? !is_v6_only_ : family_ == AF_INET6; }

  /// Hands every waiting datagram to `each`, up to a bound; true if there may be more.
  bool receive(const std::function<void(const Datagram&)>& each);

  /// Sends `bytes` as datagrams of `segment` bytes, the last may be shorter. `from.ip` zero: the kernel chooses.
  SendResult send(const Address& to, const Address& from, std::uint8_t ecn, ByteView bytes, std::size_t segment);

  /// The most that one send() takes: GSO is limited to 64 segments and one IP packet's length.
  static constexpr std::size_t send_bytes_max = 65'507 - 40;
  static constexpr std::size_t send_segments_max = 64;
  bool has_gso() const { return gso_; }

  std::size_t receive_buffer_granted() const { return receive_buffer_; }
  std::uint64_t kernel_drops() const { return kernel_drops_; }
  std::uint64_t send_failures() const { return send_failures_; }

 private:
  void set_up(const Options& options);
  SendResult send_one(const Address& to, const Address& from, std::uint8_t ecn, ByteView bytes, std::size_t segment);

  struct Batch;  // the buffers of recvmmsg
  int fd_ = -1;
  int family_ = AF_INET6;
  Address local_;
  bool gso_ = false;
  bool is_v6_only_ = false;
  std::size_t receive_buffer_ = 0;
  std::uint64_t kernel_drops_ = 0, send_failures_ = 0;
  std::unique_ptr<Batch> batch_;
};

}  // namespace bp2p
