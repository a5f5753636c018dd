// One daemon: its core, driven as daemon/core_driver.cc drives it (one input, every effect in order, then the next
// input), its disk, the connections of its node socket, its data road, its clocks.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "tests/sim/disk.h"
#include "tests/sim/node.h"
#include "tests/sim/party.h"
#include "tests/sim/road.h"
#include "tests/sim/signing.h"

namespace bp2p::sim {

class Host final : public Party {
 public:
  Host(World& world, std::size_t host_number, Address address, std::uint64_t key_seed);
  ~Host() override;

  // The process.
  void start_process();
  void crash();
  /// SIGTERM: the core is told to stop, links are closed with `goodbye`, the process ends.
  void stop_process();
  void pause();
  void wake();
  /// Another disk: another key, no pins.
  void lose_state(std::uint64_t key_seed);
  void set_clock_offset(WallTime offset) { clock_offset_ = offset; }
  WallTime clock_offset() const { return clock_offset_; }
  /// `barrel-p2pd keys unpin`
  void unpin(const NodeName& name);

  // Party
  PublicKey key() const override { return key_of(disk.key_seed); }
  bool is_hostile() const override { return false; }
  bool is_up() const override { return core_ != nullptr; }
  bool is_paused() const override { return is_paused_; }
  unsigned start() const override { return starts_; }
  void on_link_opened(LinkId link, const LinkFacts& facts) override;
  void on_link_message(LinkId link, LinkStream on, const Bytes& message) override;
  void on_link_backlog(LinkId link, std::size_t bytes) override;
  void on_link_closed(LinkId link, const LinkEnd& why) override;
  void on_dial_failed(DialId dial, DialError why) override;
  void on_road(LinkId link, const RoadMessage& message) override;

  // The node socket, from the nodes' side.
  SessionId connect(Node& node, Bytes first_frame);
  /// A further frame on it.
  void say(SessionId leg, Bytes frame);
  void hang_up(SessionId leg);

  // From the data road.
  void close_leg(SessionId leg);
  void forget_leg(SessionId leg) { legs_.erase(leg); }
  void on_channel_closed(SessionId leg);

  const Core* core() const { return core_.get(); }
  const Road& road() const { return road_; }
  const Node* node_of(SessionId leg) const {
    const auto found = legs_.find(leg);
    return found == legs_.end() ? nullptr : found->second.node;
  }
  Now now() const;
  bool is_stopping() const { return is_stopping_; }
  /// Never to be seen again, with its nodes.
  void remove();
  bool is_removed() const { return is_removed_; }
  TimePoint started_at() const { return started_at_; }

  Disk disk;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<JoinTarget> contacts;

 private:
  using Input = std::function<void(Core&, Now, Effects&)>;
  struct Waiting {
    std::string_view what;
    Digest digest;
    std::size_t bytes;
    Input input;
  };
  struct Leg {
    Node* node;
    TimePoint last{};  ///< what goes to the node keeps its order
    TimePoint last_in{};  ///< and so does what it says
    bool is_known = false;  ///< to the core
  };
  void input(std::string_view what, Digest digest, Input input, std::size_t bytes = 0);
  /// What the process does besides its core, in turn with the core's inputs: not while it is paused.
  void in_turn(std::function<void()> what);
  void drain();
  void run(const Waiting& next);
  void arm_timer();
  void save_book_later();
  void to_node(SessionId leg, std::function<void(Node&)> what);

  void perform(const Dial& effect);
  void perform(const CancelDial& effect);
  void perform(const SendToLink& effect);
  void perform(const AdmitLink& effect);
  void perform(const CloseLink& effect);
  void perform(const Resolve& effect);
  void perform(const PublishNames&) {}
  void perform(const ReadPins& effect);
  void perform(const StorePins& effect);
  void perform(const SendToSession& effect);
  void perform(const CloseSession& effect);
  void perform(const StartChannel& effect);
  void perform(const StartLocalChannel& effect);
  void perform(const LookAtChannels&) {}  // nodes here do not subscribe to it
  void perform(const CloseUnusedChannel&) {}
  void perform(const Event&) {}
  void perform(const CrawlEnded&) {}

  World& world_;
  std::unique_ptr<SimSigning> signing_;
  std::unique_ptr<SimSecrets> secrets_;
  std::unique_ptr<Core> core_;
  Road road_;
  unsigned starts_ = 0;
  bool is_paused_ = false;
  bool is_stopping_ = false;
  bool is_removed_ = false;
  TimePoint started_at_{};
  WallTime clock_offset_{};

  std::map<SessionId, Leg> legs_;
  std::deque<Waiting> inbox_;
  bool is_running_ = false;
  TimePoint timer_at_ = never;
};

}  // namespace bp2p::sim
