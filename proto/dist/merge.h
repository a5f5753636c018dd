// The receiving half of a channel: puts the frames that arrive on several lanes into one order again, for the one
// socket of the node. Frames are cut, held while they have to wait, and handed out as spans to be written; the
// bytes are copied once, on arrival.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/dist/route.h"

namespace bp2p::dist {

enum class MergeError : std::uint8_t {
  frame_too_long,
  deadly_frame,  ///< frame.h, is_deadly
  bad_lane,
  too_many_records,  ///< more pieces than a lane's window can hold of real frames
};

/// For the log, after "sent".
const char* text_of(MergeError error);

/// Bytes to give back to each lane's flow control.
using Credit = std::array<std::uint32_t, lanes_max>;

class Merge {
 public:
  struct Options {
    LaneRule rule = LaneRule::bulk;
    std::uint32_t frame_max = 1u << 30;  ///< bytes of a payload
    bool guard = true;                   ///< close on deadly frames: the atom cache is rejected
    bool records = true;                 ///< false: the bytes are a node's own, where the highest bit means nothing
  };
  explicit Merge(Options options) : options_(options) {}
  void set_options(Options options) { options_ = options; }

  /// Bytes of a lane, in order (docs/wire.md 2.2). After an error the channel is to be closed.
  std::expected<void, MergeError> on_bytes(std::uint8_t lane, ByteView bytes);

  /// A payload of the control stream (handshake, tick): goes before everything that is not begun.
  void push_control(ByteView payload);

  /// Until this is called only control payloads come out: the dialling node has not been given its `a` yet.
  void open_gate() { gate_open_ = true; }

  /// What can be written now, in order, at most `bytes_max`; fills `out` from its beginning and returns how many
  /// spans. They stay valid until consume().
  std::size_t gather(std::span<ByteView> out, std::size_t bytes_max);

  /// The first `size` gathered bytes have been written. Adds what each lane has got rid of to `credit`.
  void consume(std::size_t size, Credit& credit);

  /// Frames of the lane that have been put in order (some may still be in gather's spans).
  std::uint64_t delivered(std::uint8_t lane) const { return lanes_[lane].delivered; }
  /// Of the frames that have come on lanes, those without a payload: between two nodes of one daemon ticks come that way.
  std::uint64_t ticks() const { return ticks_; }
  /// Nothing is left to write of what has been put in order.
  bool is_idle() const { return order_.empty(); }
  /// Bytes held, control payloads included.
  std::size_t held() const { return held_; }

  /// A frame above this is handed out while it arrives, and the others wait for its end; smaller ones are handed
  /// out whole. A VM fragments at 64 KiB; what is larger was sent while the nodes were connecting.
  static constexpr std::uint32_t whole_frame_max = 128 * 1024;

 private:
  static constexpr std::size_t control = lanes_max;  // index of the control payloads in lanes_
  static constexpr std::size_t chunk_bytes = 64 * 1024;
  static constexpr std::size_t run_bytes_max = 64 * 1024;
  static constexpr std::size_t segments_max = 64 * 1024;
  static constexpr std::size_t order_bytes_max = 128 * 1024;

  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t begin = 0, end = 0;
  };
  /// Either a run of frames to be passed on together, or one after record (frames == 0, 8 bytes).
  struct Segment {
    std::uint64_t stamp = 0;   ///< order of arrival over all lanes
    std::uint64_t length = 0;  ///< with the frames' own lengths
    std::uint32_t frames = 0;
    bool may_grow = false;     ///< more frames may be appended
    After after{};
  };
  struct Lane {
    std::deque<Chunk> chunks;
    std::deque<Segment> segments;
    std::uint64_t delivered = 0;
    std::uint64_t buffered = 0;  ///< bytes in chunks
    // The record that is being read.
    std::array<std::byte, 4 + deadly_bytes> head;
    std::size_t head_have = 0;
    std::uint64_t left = 0;  ///< bytes of it still to come after the head
    std::uint32_t length = 0;
  };
  /// A stretch of a lane that has its place in the order.
  struct Ordered {
    std::uint8_t lane;
    std::uint32_t skip;    ///< after records before it, not written on
    std::uint64_t length;
  };

  void append(Lane& lane, ByteView bytes);
  void finish_record(std::size_t index);
  void add_run(std::size_t index, std::uint64_t length, std::uint32_t frames, bool may_grow);
  bool settle(std::size_t index);
  bool take_next();
  static void drop(Lane& lane, std::uint64_t size);

  Options options_;
  std::array<Lane, lanes_max + 1> lanes_;
  std::array<std::uint32_t, lanes_max + 1> skip_{};  // after records that the next stretch of the lane is preceded by
  std::deque<Ordered> order_;
  std::uint64_t ordered_bytes_ = 0;
  std::uint64_t stamp_ = 0;
  std::size_t last_appended_ = lanes_max + 1;
  std::size_t held_ = 0;
  std::uint64_t ticks_ = 0;
  std::uint64_t lanes_in_use_ = 0;  // a bit each
  bool gate_open_ = false;
  unsigned in_a_row_ = 0;  // runs of lane 0 taken while another lane had something (rule `bulk`)
};

}  // namespace bp2p::dist
