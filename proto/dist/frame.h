// Reads the first bytes of one Erlang distribution frame: just enough to know who sent the signal, and
// whether the receiving VM would survive it. Nothing is decoded further and nothing is changed.
//
// Source: OTP's "Distribution Protocol" chapter; docs/wire.md 2.2 for how frames are carried.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "proto/base/bytes.h"

namespace bp2p::dist {

/// The process a signal comes from: the numbers of its pid. The node is left out, because everything on one
/// direction of a channel comes from the same node.
struct Sender {
  std::uint32_t id = 0;
  std::uint32_t serial = 0;
  std::uint32_t creation = 0;
  friend bool operator==(const Sender&, const Sender&) = default;
  /// Spread evenly; not keyed, since only our own node chooses pids.
  std::uint64_t hash() const;
};

enum class FrameKind : std::uint8_t {
  whole,           ///< one signal in one frame
  first_fragment,  ///< the first frame of a signal in `fragment` frames
  next_fragment,   ///< a later one; `fragment` counts down to 1
  unknown,         ///< something else: ordered after and before everything
};

struct FrameHead {
  FrameKind kind = FrameKind::unknown;
  std::uint64_t sequence = 0;  ///< of fragments: names the signal while it is under way
  std::uint64_t fragment = 0;
  std::optional<Sender> sender;  ///< none: the control message names none, or does not decode
};

/// How much of a payload read_head wants to see (or the whole payload, if shorter): three references or pids with the
/// longest node names, before the sender of a SPAWN_REPLY.
inline constexpr std::size_t head_bytes = 4608;

/// Reads the head of a payload (without its length) on a connection whose atom cache is rejected and that has
/// fragments. `start` is its first bytes: head_bytes of them or all there are. Never fails: what does not decode
/// is `unknown`, and the VM on the other side judges it.
FrameHead read_head(ByteView start);

/// The payload begins as a fragment does; wants two bytes, or the whole payload. Cheaper than read_head().
bool is_fragment(ByteView start);

/// How much of a payload is_deadly wants to see.
inline constexpr std::size_t deadly_bytes = 19;

/// A frame with atom cache references on a connection without the cache makes the receiving VM crash (seen with
/// OTP 27.3.4), so it is not passed on: the channel is closed. `start`: deadly_bytes or the whole payload.
bool is_deadly(ByteView start);

}  // namespace bp2p::dist
