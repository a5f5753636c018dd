// A channel between two nodes of this daemon: the same rules as over a link, without QUIC.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>

#include "daemon/beam/pipe.h"
#include "proto/core/effects.h"
#include "proto/dist/handshake.h"
#include "proto/dist/merge.h"

namespace bp2p {

class LocalPipe {
 public:
  struct End {
    SessionId leg;
    int fd;        ///< non-blocking, now ours
    ByteView first;  ///< read from it already
  };
  LocalPipe(boost::asio::io_context& io, End dialler, End acceptor, const ChannelNames& names, std::uint32_t frame_max,
            PipeOwner& owner);
  ~LocalPipe();
  void start();
  void break_off(std::string why) { end(std::move(why)); }
  /// In good order.
  void close() { end(""); }
  /// The two ends; the first is the dialler.
  std::array<SessionId, 2> legs() const { return {sides_[0].leg, sides_[1].leg}; }
  /// As the end `leg` sees it.
  PipeStats stats(SessionId leg) const;
  PipeUse use();

 private:
  /// One node: what it sends goes through `to_other`.
  struct Side {
    boost::asio::posix::stream_descriptor socket;
    SessionId leg;
    Bytes partial;           // of a handshake frame
    dist::Merge to_other;
    std::uint64_t bytes = 0;
    bool waits_to_read = false, waits_to_write = false;
    bool takes = true;     // false: it closed its end, perhaps with something left for us to read
    bool is_gone = false;  // everything has been read
  };
  void wait_to_read(std::size_t from);
  void read(std::size_t from);
  void take(std::size_t from, ByteView bytes);
  void pass_on(std::size_t from, ByteView bytes);
  void write(std::size_t to);
  void end(std::string why);

  std::array<Side, 2> sides_;
  dist::Handshake handshake_;
  bool wants_name_;
  std::uint32_t frame_max_;
  PipeOwner& owner_;
  bool is_over_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bp2p
