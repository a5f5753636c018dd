// The only place where I/O becomes an input of the core, and an effect of the core becomes I/O.
//
// One input at a time: what happens while effects are performed (a dial that fails at once, a pin that is read) waits
// until they all are.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/beam/dist_pipe.h"
#include "daemon/beam/links.h"
#include "daemon/beam/local_pipe.h"
#include "daemon/beam/node_server.h"
#include "daemon/discovery/chain.h"
#include "daemon/files/trusted_keys.h"
#include "proto/core/core.h"

namespace bp2p {

class CoreDriver final : public LinkListener, public NodeListener, public PipeOwner {
 public:
  CoreDriver(boost::asio::io_context& io, Core& core, TrustedKeys& pins, DiscoveryChain& discovery,
             const DistPipe::Options& pipe_options);
  ~CoreDriver() override;
  /// The rest of the circle; before anything runs.
  void connect(Links& links, NodeServer& nodes);

  /// What an operator asks for.
  void join(const JoinTarget& contact);
  void leave();
  /// Where this host can be reached has changed.
  void set_addresses(const std::vector<Address>& addresses);
  /// Calls `done` once, within crawl_gap + crawl_budget.
  void crawl(std::function<void(const ClusterGraph&)> done);
  /// Tells the core to stop and performs what it says.
  void stop();
  std::optional<PipeStats> pipe_stats(SessionId leg) const;
  std::uint64_t events(Severity severity) const { return events_[static_cast<std::size_t>(severity)]; }

  // LinkListener
  void on_link_opened(LinkId link, const LinkFacts& facts) override;
  void on_link_message(LinkId link, LinkStream on, ByteView message) override;
  void on_link_backlog(LinkId link, std::size_t bytes) override;
  void on_link_closed(LinkId link, const LinkEnd& why) override;
  void on_dial_failed(DialId dial, DialError why, const std::string& text) override;
  // NodeListener
  void on_session_opened(SessionId session, const Credentials& who) override;
  void on_session_frame(SessionId session, ByteView frame) override;
  void on_session_overflow(SessionId session, std::uint64_t length) override;
  void on_session_closed(SessionId session) override;
  // PipeOwner
  void on_node_named(SessionId leg, const NodeName& name) override;
  void on_pipe_over(SessionId leg, const std::string& why) override;

 private:
  using Input = std::function<void(Core&, Now, Effects&)>;
  void input(Input what);
  void run(const Input& what);
  void arm_timer();
  void start_channel(const StartChannel& channel);
  void start_local_channel(const StartLocalChannel& channel);
  void read_pins(const ReadPins& wanted);
  void store_pins(const StorePins& wanted);
  /// None: it is over, and on_channel_closed is on its way.
  std::optional<ChannelUse> use_of(SessionId leg) const;

  // Effects, one each.
  void perform(const Dial& effect) { links_->dial(effect.dial, effect.to); }
  void perform(const CancelDial& effect) { links_->cancel_dial(effect.dial); }
  void perform(const SendToLink& effect) {
    if (effect.stream == LinkStream::overlay) links_->send_on_overlay(effect.link, effect.message);
    else links_->send(effect.link, effect.message);
  }
  void perform(const AdmitLink& effect) { links_->admit(effect.link); }
  void perform(const CloseLink& effect) { links_->close(effect.link, effect.code, effect.text); }
  void perform(const Resolve& effect);
  void perform(const PublishNames& effect) { discovery_.publish(effect.names); }
  void perform(const ReadPins& effect) { read_pins(effect); }
  void perform(const StorePins& effect) { store_pins(effect); }
  void perform(const SendToSession& effect) { nodes_->send(effect.session, effect.frame); }
  void perform(const CloseSession& effect);
  void perform(const StartChannel& effect) { start_channel(effect); }
  void perform(const StartLocalChannel& effect) { start_local_channel(effect); }
  void perform(const LookAtChannels& effect);
  void perform(const CloseUnusedChannel& effect);
  void perform(const Event& effect);
  void perform(const CrawlEnded& effect);

  boost::asio::io_context& io_;
  Core& core_;
  TrustedKeys& pins_;
  DiscoveryChain& discovery_;
  DistPipe::Options pipe_options_;
  Links* links_ = nullptr;
  NodeServer* nodes_ = nullptr;

  Effects effects_;
  std::deque<Input> waiting_;
  bool is_running_ = false;
  boost::asio::steady_timer timer_;
  TimePoint timer_at_ = never;

  struct LinkedPipe {
    LinkId link;
    std::unique_ptr<DistPipe> pipe;
    std::string nodes;  ///< `app@db1 and app@db2`, for the log
  };
  std::unordered_map<SessionId, LinkedPipe> pipes_;
  std::unordered_map<SessionId, std::shared_ptr<LocalPipe>> local_pipes_;  // each under both its legs
  std::array<std::uint64_t, 4> events_{};
  std::vector<std::function<void(const ClusterGraph&)>> crawls_;  ///< who waits for one
};

}  // namespace bp2p
