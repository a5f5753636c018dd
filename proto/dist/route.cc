#include "proto/dist/route.h"

#include <algorithm>

#include "proto/base/check.h"

namespace bp2p::dist {

Router::Router(LaneRule rule, std::size_t lanes) : rule_(lanes == 1 ? LaneRule::single : rule), lanes_(lanes) {
  BP2P_CHECK(lanes >= 1 && lanes <= lanes_max);
}

std::uint8_t Router::route(const FrameHead& head, std::vector<After>& after) {
  switch (rule_) {
    case LaneRule::bulk: return route_bulk(head, after);
    case LaneRule::sender: return route_by_sender(head, after);
    case LaneRule::single: break;
  }
  ++sent_[0];
  return 0;
}

/// A frame ordered by its lane alone, and behind the last barrier.
std::uint8_t Router::put(std::uint8_t lane, std::vector<After>& after) {
  if (lane != 0 && after_lane_zero_[lane] < floor_) {
    after.push_back({0, floor_});
    after_lane_zero_[lane] = floor_;
  }
  ++sent_[lane];
  return lane;
}

/// A frame after everything before it and before everything after it. It goes on lane 0 and waits there for the other
/// lanes; their next frames wait for it (put, above).
std::uint8_t Router::barrier(std::vector<After>& after) {
  for (std::size_t lane = 1; lane < lanes_; ++lane) {
    if (lane_zero_after_[lane] == sent_[lane]) continue;
    after.push_back({static_cast<std::uint8_t>(lane), sent_[lane]});
    lane_zero_after_[lane] = sent_[lane];
    owed_[lane] = 0;
  }
  floor_ = ++sent_[0];
  update_quiet();
  return 0;
}

std::uint8_t Router::route_bulk(const FrameHead& head, std::vector<After>& after) {
  if (head.kind == FrameKind::next_fragment) {
    const auto open = open_.find(head.sequence);
    if (open == open_.end()) return barrier(after);
    const std::uint8_t lane = put(open->second.lane, after);
    UnderWay& sender = under_way_.at(open->second.sender);
    sender.last = sent_[lane];
    if (head.fragment <= 1) {
      --sender.open;
      open_.erase(open);
    }
    return lane;
  }

  if (!head.sender || head.kind == FrameKind::unknown) {
    if (!quiet_) return barrier(after);
    ++sent_[0];
    return 0;
  }

  auto known = under_way_.find(*head.sender);
  if (known != under_way_.end() && is_done(known->second)) {
    retire(known->second);
    under_way_.erase(known);
    known = under_way_.end();
  }
  const bool begins_bulk = head.kind == FrameKind::first_fragment && head.fragment > 1;
  if (begins_bulk && (open_.size() >= signals_max || open_.contains(head.sequence))) return barrier(after);
  if (begins_bulk && known == under_way_.end()) {
    if (under_way_.size() >= signals_max) return barrier(after);
    const auto lane = static_cast<std::uint8_t>(1 + head.sender->hash() % (lanes_ - 1));
    // Small frames of this sender may still be on lane 0, and whose is not recorded: wait for all of them.
    if (after_lane_zero_[lane] < sent_[0]) {
      after.push_back({0, sent_[0]});
      after_lane_zero_[lane] = sent_[0];
    }
    known = under_way_.emplace(*head.sender, UnderWay{lane, 0, 0}).first;
    quiet_ = false;
  }
  if (known != under_way_.end()) {
    const std::uint8_t lane = put(known->second.lane, after);
    known->second.last = sent_[lane];
    if (begins_bulk) {
      ++known->second.open;
      open_.emplace(head.sequence, OpenSignal{*head.sender, lane});
    }
    return lane;
  }

  // A sender with nothing in a bulk lane. What it had there has reached the other daemon, which may hold it behind other
  // frames: the wait is short.
  if (!quiet_) {
    for (std::size_t lane = 1; lane < lanes_; ++lane) {
      if (owed_[lane] > lane_zero_after_[lane]) {
        after.push_back({static_cast<std::uint8_t>(lane), owed_[lane]});
        lane_zero_after_[lane] = owed_[lane];
      }
      owed_[lane] = 0;
    }
    update_quiet();
  }
  ++sent_[0];
  return 0;
}

std::uint8_t Router::route_by_sender(const FrameHead& head, std::vector<After>& after) {
  if (head.kind == FrameKind::next_fragment) {
    const auto open = open_.find(head.sequence);
    if (open == open_.end()) return barrier(after);
    const std::uint8_t lane = open->second.lane;
    if (head.fragment <= 1) open_.erase(open);
    return put(lane, after);
  }
  if (!head.sender || head.kind == FrameKind::unknown) return barrier(after);
  const auto lane = static_cast<std::uint8_t>(head.sender->hash() % lanes_);
  if (head.kind == FrameKind::first_fragment && head.fragment > 1) {
    // Without a place in the table its later fragments would be barriers, so this one must be, too.
    if (open_.size() >= signals_max || open_.contains(head.sequence)) return barrier(after);
    open_.emplace(head.sequence, OpenSignal{*head.sender, lane});
  }
  return put(lane, after);
}

void Router::on_acknowledged(std::uint8_t lane, std::uint64_t frames) {
  acknowledged_[lane] = std::max(acknowledged_[lane], frames);
  if (rule_ != LaneRule::bulk || lane == 0 || under_way_.empty()) return;
  if (under_way_.size() > sweep_at_once && frames != sent_[lane]) return;
  std::erase_if(under_way_, [&](const auto& entry) {
    if (!is_done(entry.second)) return false;
    retire(entry.second);
    return true;
  });
}

/// The sender may use lane 0 again, once lane 0 has waited for what went beside it.
void Router::retire(const UnderWay& sender) {
  owed_[sender.lane] = std::max(owed_[sender.lane], sender.last);
}

void Router::update_quiet() {
  quiet_ = under_way_.empty();
  for (std::size_t lane = 1; quiet_ && lane < lanes_; ++lane) quiet_ = owed_[lane] <= lane_zero_after_[lane];
}

}  // namespace bp2p::dist
