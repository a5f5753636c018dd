#include "daemon/beam/local_pipe.h"

#include <sys/socket.h>

#include <cerrno>

#include "daemon/beam/write_gathered.h"

namespace bp2p {
namespace {
using boost::asio::posix::stream_descriptor;
// What one node may be ahead of the other's reading.
constexpr std::size_t held_max = 2u << 20;
constexpr std::size_t read_bytes = 256 * 1024;

dist::Merge::Options merge_options(std::uint32_t frame_max, bool guard) {
  return {.rule = dist::LaneRule::single, .frame_max = frame_max, .guard = guard, .records = false};
}

}  // namespace

LocalPipe::LocalPipe(boost::asio::io_context& io, End dialler, End acceptor, const ChannelNames& names,
                     std::uint32_t frame_max, PipeOwner& owner)
    : sides_{Side{stream_descriptor{io, dialler.fd}, dialler.leg, {}, dist::Merge{merge_options(frame_max, true)}},
             Side{stream_descriptor{io, acceptor.fd}, acceptor.leg, {}, dist::Merge{merge_options(frame_max, true)}}},
      handshake_(dist::HandshakeNames{names.local, names.remote}),
      wants_name_(!names.local),
      frame_max_(frame_max),
      owner_(owner) {
  sides_[0].partial.assign(dialler.first.begin(), dialler.first.end());
  sides_[1].partial.assign(acceptor.first.begin(), acceptor.first.end());
}

LocalPipe::~LocalPipe() { *alive_ = false; }

void LocalPipe::start() {
  for (std::size_t i = 0; i < 2; ++i) {
    take(i, {});
    wait_to_read(i);
  }
}

void LocalPipe::wait_to_read(std::size_t from) {
  Side& side = sides_[from];
  if (is_over_ || side.is_gone || side.waits_to_read || side.to_other.held() > held_max) return;
  side.waits_to_read = true;
  side.socket.async_wait(stream_descriptor::wait_read, [this, from, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error) return;
    sides_[from].waits_to_read = false;
    read(from);
  });
}

void LocalPipe::read(std::size_t from) {
  static thread_local const auto room = std::make_unique_for_overwrite<std::byte[]>(read_bytes);
  const ssize_t size = ::recv(sides_[from].socket.native_handle(), room.get(), read_bytes, MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
    // The other node gets what was sent before, then the end.
    sides_[from].is_gone = true;
    write(1 - from);
    return;
  }
  if (size > 0) take(from, {room.get(), static_cast<std::size_t>(size)});
  wait_to_read(from);
}

void LocalPipe::take(std::size_t from, ByteView bytes) {
  Side& side = sides_[from];
  if (!handshake_.is_over() || !side.partial.empty()) {
    side.partial.insert(side.partial.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (!handshake_.is_over() && side.partial.size() - at >= 4) {
      const ByteView rest = ByteView{side.partial}.subspan(at);
      const auto length = load_be<std::uint32_t>(rest.data());
      if (length > dist::Handshake::frame_max) return end("a handshake frame is too long");
      if (rest.size() < 4 + length) break;
      const ByteView frame = rest.subspan(4, length);
      at += 4 + length;
      if (length > 0) {
        const auto result = from == 0 ? handshake_.on_dialler_frame(frame) : handshake_.on_acceptor_frame(frame);
        if (!result) return end(text_of(result.error()));
      }
      side.to_other.push_control(frame);
      if (wants_name_ && handshake_.given_name()) {
        wants_name_ = false;
        owner_.on_node_named(sides_[0].leg, *handshake_.given_name());
      }
      if (handshake_.is_over()) {
        for (Side& each : sides_) {
          each.to_other.set_options(merge_options(frame_max_, handshake_.rejects_atom_cache()));
          each.to_other.open_gate();
        }
      }
    }
    side.partial.erase(side.partial.begin(), side.partial.begin() + static_cast<std::ptrdiff_t>(at));
    if (!handshake_.is_over()) return write(1 - from);
    const Bytes rest = std::exchange(side.partial, {});
    return pass_on(from, rest);
  }
  pass_on(from, bytes);
}

void LocalPipe::pass_on(std::size_t from, ByteView bytes) {
  sides_[from].bytes += bytes.size();
  const auto result = sides_[from].to_other.on_bytes(0, bytes);
  if (!result) return end(std::string{"a node sent "} + text_of(result.error()));
  write(1 - from);
}

void LocalPipe::write(std::size_t to) {
  Side& target = sides_[to];
  Side& source = sides_[1 - to];
  if (is_over_ || target.waits_to_write) return;
  dist::Credit credit{};
  switch (target.takes ? write_gathered(target.socket.native_handle(), source.to_other, credit) : NodeWrite::gone) {
    case NodeWrite::all: break;
    case NodeWrite::gone:
      // It closed its end: what it had sent before goes on, and reading says when that is all.
      target.takes = false;
      drop_gathered(source.to_other, credit);
      wait_to_read(to);
      break;
    case NodeWrite::blocked:
      target.waits_to_write = true;
      target.socket.async_wait(stream_descriptor::wait_write, [this, to, alive = alive_](const boost::system::error_code& error) {
        if (!*alive || error) return;
        sides_[to].waits_to_write = false;
        write(to);
      });
      break;
  }
  // A frame cut short by the end of its node stays behind: nobody gets half a signal.
  if (source.is_gone && !target.waits_to_write) return end("");
  wait_to_read(1 - to);
}

void LocalPipe::end(std::string why) {
  if (is_over_) return;
  is_over_ = true;
  boost::system::error_code ignored;
  for (Side& side : sides_) side.socket.close(ignored);
  for (const Side& side : sides_) owner_.on_pipe_over(side.leg, why);
}

PipeUse LocalPipe::use() {
  PipeUse out;
  for (Side& side : sides_) {
    out.passed += side.to_other.delivered(0) - side.to_other.ticks();  // what waits is not in both, and moves
    out.is_moving |= side.to_other.held() > 0 || (side.socket.is_open() && has_unread(side.socket.native_handle()));
  }
  return out;
}

PipeStats LocalPipe::stats(SessionId leg) const {
  const std::size_t own = sides_[0].leg == leg ? 0 : 1;
  PipeStats out;
  out.bytes_out = sides_[own].bytes;
  out.bytes_in = sides_[1 - own].bytes;
  out.frames_out = sides_[own].to_other.delivered(0);
  out.frames_in = sides_[1 - own].to_other.delivered(0);
  out.held_in = sides_[1 - own].to_other.held();
  out.held_out = sides_[own].to_other.held();
  return out;
}

}  // namespace bp2p
