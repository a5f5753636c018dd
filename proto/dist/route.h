// Which lane a frame goes to, and what it has to wait for there, so that parallel streams keep Erlang's signal
// order: signals from one process to one process (or name, or alias) arrive in the order they were sent.
//
// Choosing lanes by {From, To} would be wrong, since one receiver has several names on the wire (pid, registered name,
// alias) and fragments belong to their sender. Only the sender counts; see docs/decisions/0001-lanes.md.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "proto/dist/frame.h"

namespace bp2p::dist {

/// Lanes are numbered 0 … lanes_max - 1 (docs/wire.md 2.2).
inline constexpr std::size_t lanes_max = 63;

enum class LaneRule : std::uint8_t {
  single,  ///< everything on lane 0: for nodes that did not negotiate what the other rules need
  bulk,    ///< lane 0 keeps the order of the connection; fragmented signals go beside it
  sender,  ///< every sender has its lane
};

/// "What follows on this lane waits until `lane` has delivered `frames` frames."
struct After {
  std::uint8_t lane;
  std::uint64_t frames;
  friend bool operator==(const After&, const After&) = default;
};

class Router {
 public:
  /// `lanes`: 1 … lanes_max. With one lane every rule is `single`.
  Router(LaneRule rule, std::size_t lanes);

  LaneRule rule() const { return rule_; }

  /// The lane of the next frame; what has to be written before it is appended to `after`. Counts the frame as sent.
  std::uint8_t route(const FrameHead& head, std::vector<After>& after);

  /// True while route() needs no head: everything that is not a fragment goes to lane 0 without waiting.
  bool is_quiet() const { return rule_ == LaneRule::single || (rule_ == LaneRule::bulk && quiet_); }
  /// route() for a whole frame while is_quiet(): lane 0.
  void route_quiet() { ++sent_[0]; }

  /// The other daemon has all of the lane's first `frames` frames.
  void on_acknowledged(std::uint8_t lane, std::uint64_t frames);

  std::uint64_t sent(std::uint8_t lane) const { return sent_[lane]; }
  std::size_t lanes() const { return lanes_; }

  /// Bounds of the two tables. What does not fit is ordered by a barrier instead: slower, never wrong.
  static constexpr std::size_t signals_max = 4096;
  /// Up to here the table of senders is swept at each acknowledgement; beyond, only when a lane is idle.
  static constexpr std::size_t sweep_at_once = 64;

 private:
  struct SenderHash {
    std::size_t operator()(const Sender& sender) const { return sender.hash(); }
  };
  /// A sender that may have frames under way in a bulk lane.
  struct UnderWay {
    std::uint8_t lane;
    std::uint64_t last;  ///< number of its last frame there
    std::uint32_t open;  ///< fragmented signals that are not complete
  };
  struct OpenSignal {
    Sender sender;
    std::uint8_t lane;
  };

  using UnderWays = std::unordered_map<Sender, UnderWay, SenderHash>;
  bool is_done(const UnderWay& sender) const { return sender.open == 0 && sender.last <= acknowledged_[sender.lane]; }
  void retire(const UnderWay& sender);
  std::uint8_t put(std::uint8_t lane, std::vector<After>& after);
  std::uint8_t barrier(std::vector<After>& after);
  std::uint8_t route_bulk(const FrameHead& head, std::vector<After>& after);
  std::uint8_t route_by_sender(const FrameHead& head, std::vector<After>& after);
  void update_quiet();

  LaneRule rule_;
  std::size_t lanes_;
  std::array<std::uint64_t, lanes_max> sent_{};
  /// Lane 0 waits, or has waited, for this many frames of each other lane, and each lane for this many of lane 0.
  std::array<std::uint64_t, lanes_max> lane_zero_after_{}, after_lane_zero_{};
  /// Lane 0 must wait for this many before its next frame (bulk: what was acknowledged, but perhaps not delivered yet).
  std::array<std::uint64_t, lanes_max> owed_{};
  std::array<std::uint64_t, lanes_max> acknowledged_{};
  std::uint64_t floor_ = 0;  ///< number on lane 0 of the last barrier
  bool quiet_ = true;
  UnderWays under_way_;
  std::unordered_map<std::uint64_t, OpenSignal> open_;
};

}  // namespace bp2p::dist
