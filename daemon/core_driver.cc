#include "daemon/core_driver.h"

#include <unistd.h>

#include <boost/asio/post.hpp>

#include "daemon/clock.h"
#include "daemon/log.h"

namespace bp2p {
namespace {

std::string shown(const std::optional<NodeName>& name) { return name ? name->text() : "a node without a name"; }

}  // namespace

CoreDriver::CoreDriver(boost::asio::io_context& io, Core& core, TrustedKeys& pins, DiscoveryChain& discovery,
                       const DistPipe::Options& pipe_options)
    : io_(io), core_(core), pins_(pins), discovery_(discovery), pipe_options_(pipe_options), timer_(io) {}

CoreDriver::~CoreDriver() = default;

void CoreDriver::connect(Links& links, NodeServer& nodes) {
  links_ = &links;
  nodes_ = &nodes;
  arm_timer();
}

void CoreDriver::input(Input what) {
  if (is_running_) {
    waiting_.push_back(std::move(what));
    return;
  }
  is_running_ = true;
  run(what);
  while (!waiting_.empty()) {
    const Input next = std::move(waiting_.front());
    waiting_.pop_front();
    run(next);
  }
  is_running_ = false;
  arm_timer();
}

void CoreDriver::run(const Input& what) {
  effects_.clear();
  what(core_, read_clocks(), effects_);
  for (const Effect& effect : effects_) std::visit([this](const auto& each) { perform(each); }, effect);
}

void CoreDriver::arm_timer() {
  const TimePoint deadline = core_.next_deadline();
  if (deadline == timer_at_) return;
  timer_at_ = deadline;
  if (deadline == never) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::max(deadline - steady_now(), Duration{0}));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    timer_at_ = never;
    input([](Core& core, Now now, Effects& out) { core.on_time(now, out); });
  });
}

void CoreDriver::stop() {
  input([](Core& core, Now now, Effects& out) { core.on_stop(now, out); });
}

void CoreDriver::join(const JoinTarget& contact) {
  input([=](Core& core, Now now, Effects& out) { core.on_join(contact, now, out); });
}
void CoreDriver::leave() {
  input([](Core& core, Now now, Effects& out) { core.on_leave(now, out); });
}

void CoreDriver::set_addresses(const std::vector<Address>& addresses) {
  input([=](Core& core, Now now, Effects& out) { core.on_addresses(addresses, now, out); });
}
void CoreDriver::crawl(std::function<void(const ClusterGraph&)> done) {
  crawls_.push_back(std::move(done));
  input([](Core& core, Now now, Effects& out) { core.on_crawl(now, out); });
}

// --- inputs --------------------------------------------------------------------------------------

void CoreDriver::on_link_opened(LinkId link, const LinkFacts& facts) {
  input([=](Core& core, Now now, Effects& out) { core.on_link_opened(link, facts, now, out); });
}
void CoreDriver::on_link_message(LinkId link, LinkStream on, ByteView message) {
  input([=, copy = Bytes{message.begin(), message.end()}](Core& core, Now now, Effects& out) {
    core.on_link_message(link, on, copy, now, out);
  });
}
void CoreDriver::on_link_backlog(LinkId link, std::size_t bytes) {
  input([=](Core& core, Now now, Effects& out) { core.on_link_backlog(link, bytes, now, out); });
}
void CoreDriver::on_link_closed(LinkId link, const LinkEnd& why) {
  input([=](Core& core, Now now, Effects& out) { core.on_link_closed(link, why, now, out); });
}
void CoreDriver::on_dial_failed(DialId dial, DialError why, const std::string& text) {
  log::debug("dial.failed", text);
  input([=](Core& core, Now now, Effects& out) { core.on_dial_failed(dial, why, now, out); });
}
void CoreDriver::on_session_opened(SessionId session, const Credentials& who) {
  input([=](Core& core, Now now, Effects& out) { core.on_session_opened(session, who, now, out); });
}
void CoreDriver::on_session_frame(SessionId session, ByteView frame) {
  input([=, copy = Bytes{frame.begin(), frame.end()}](Core& core, Now now, Effects& out) {
    core.on_session_frame(session, copy, now, out);
  });
}
void CoreDriver::on_session_overflow(SessionId session, std::uint64_t length) {
  input([=](Core& core, Now now, Effects& out) { core.on_session_overflow(session, length, now, out); });
}
void CoreDriver::on_session_closed(SessionId session) {
  input([=](Core& core, Now now, Effects& out) { core.on_session_closed(session, now, out); });
}
void CoreDriver::on_node_named(SessionId leg, const NodeName& name) {
  input([=](Core& core, Now now, Effects& out) { core.on_node_named(leg, name, now, out); });
}

/// A pipe ends in the middle of its own work, or of ngtcp2's: it is destroyed when that is over.
void CoreDriver::on_pipe_over(SessionId leg, const std::string& why) {
  if (!why.empty()) {
    const auto entry = pipes_.find(leg);
    log::info("channel.broken", (entry == pipes_.end() ? "between two nodes of this host" : "between " + entry->second.nodes) + ": " + why);
  }
  boost::asio::post(io_, [this, leg] {
    if (const auto entry = pipes_.find(leg); entry != pipes_.end()) {
      links_->remove_pipe(entry->second.link, entry->second.pipe->channel());
      pipes_.erase(entry);
    } else if (local_pipes_.erase(leg) == 0) {
      return;
    }
    input([=](Core& core, Now now, Effects& out) { core.on_channel_closed(leg, now, out); });
  });
}

// --- effects -------------------------------------------------------------------------------------

void CoreDriver::perform(const Resolve& effect) {
  discovery_.resolve(effect.name, effect.known, [this, id = effect.resolve](std::vector<Address> found) {
    input([id, found = std::move(found)](Core& core, Now now, Effects& out) { core.on_resolved(id, found, now, out); });
  });
}

void CoreDriver::read_pins(const ReadPins& wanted) {
  PinReads reads;
  for (const NodeName& name : wanted.names) reads.claimed.push_back(pins_.read(name));
  reads.of_key = pins_.names_of(wanted.key);
  reads.in_all = pins_.count();
  reads.hosts_of_others = pins_.hosts_of_others(wanted.key, wanted.names);
  input([link = wanted.link, reads = std::move(reads)](Core& core, Now now, Effects& out) {
    core.on_pins_read(link, reads, now, out);
  });
}

void CoreDriver::store_pins(const StorePins& wanted) {
  const auto stored = pins_.store(wanted.key, wanted.names);
  if (!stored) log::error("pins.not_stored", stored.error().text);
  input([link = wanted.link, ok = stored.has_value()](Core& core, Now now, Effects& out) {
    core.on_pins_stored(link, ok, now, out);
  });
}

void CoreDriver::start_channel(const StartChannel& channel) {
  quic::Connection* connection = links_->connection(channel.link);
  auto node = connection != nullptr ? nodes_->take(channel.leg) : std::nullopt;
  if (!node) {
    nodes_->close(channel.leg);
    input([leg = channel.leg](Core& core, Now now, Effects& out) { core.on_channel_closed(leg, now, out); });
    return;
  }
  auto pipe = std::make_unique<DistPipe>(io_, node->fd, node->unread, channel.leg, *connection, channel, pipe_options_, *this);
  DistPipe& made = *pipe;
  pipes_.insert_or_assign(channel.leg, LinkedPipe{channel.link, std::move(pipe), shown(channel.names.local) + " and " + shown(channel.names.remote)});
  links_->add_pipe(channel.link, made);
  made.start();
}

void CoreDriver::start_local_channel(const StartLocalChannel& channel) {
  auto dialler = nodes_->take(channel.dialler);
  auto acceptor = dialler ? nodes_->take(channel.acceptor) : std::nullopt;
  if (!acceptor) {
    if (dialler) ::close(dialler->fd);
    for (const SessionId leg : {channel.dialler, channel.acceptor}) {
      nodes_->close(leg);
      input([leg](Core& core, Now now, Effects& out) { core.on_channel_closed(leg, now, out); });
    }
    return;
  }
  auto pipe = std::make_shared<LocalPipe>(io_, LocalPipe::End{channel.dialler, dialler->fd, dialler->unread},
                                          LocalPipe::End{channel.acceptor, acceptor->fd, acceptor->unread},
                                          channel.names, pipe_options_.frame_max, *this);
  local_pipes_.emplace(channel.dialler, pipe);
  local_pipes_.emplace(channel.acceptor, pipe);
  pipe->start();
}

/// The connection may have become a channel meanwhile: then that ends.
void CoreDriver::perform(const CloseSession& effect) {
  if (const auto entry = pipes_.find(effect.session); entry != pipes_.end()) return entry->second.pipe->break_off("not allowed any more");
  if (const auto entry = local_pipes_.find(effect.session); entry != local_pipes_.end()) return entry->second->break_off("not allowed any more");
  nodes_->close(effect.session);
}

std::optional<ChannelUse> CoreDriver::use_of(SessionId leg) const {
  const auto seen = [leg](const PipeUse& use) { return ChannelUse{leg, use.passed, use.is_moving}; };
  if (const auto entry = pipes_.find(leg); entry != pipes_.end()) return seen(entry->second.pipe->use());
  if (const auto entry = local_pipes_.find(leg); entry != local_pipes_.end()) return seen(entry->second->use());
  return std::nullopt;
}

void CoreDriver::perform(const LookAtChannels& effect) {
  std::vector<ChannelUse> uses;
  for (const SessionId leg : effect.legs)
    if (const auto use = use_of(leg)) uses.push_back(*use);
  input([session = effect.session, uses = std::move(uses)](Core& core, Now now, Effects& out) {
    core.on_channels_looked_at(session, uses, now, out);
  });
}

void CoreDriver::perform(const CloseUnusedChannel& effect) {
  const auto use = use_of(effect.leg);
  if (!use || use->is_moving || use->passed != effect.passed) return;
  if (const auto entry = pipes_.find(effect.leg); entry != pipes_.end()) return entry->second.pipe->close();
  local_pipes_.at(effect.leg)->close();
}

void CoreDriver::perform(const Event& effect) {
  ++events_[static_cast<std::size_t>(effect.severity)];
  log::write(effect.severity, effect.name, effect.text);
}

void CoreDriver::perform(const CrawlEnded& effect) {
  for (const auto& done : std::exchange(crawls_, {})) done(effect.graph);
}

std::optional<PipeStats> CoreDriver::pipe_stats(SessionId leg) const {
  if (const auto entry = pipes_.find(leg); entry != pipes_.end()) return entry->second.pipe->stats();
  if (const auto entry = local_pipes_.find(leg); entry != local_pipes_.end()) return entry->second->stats(leg);
  return std::nullopt;
}

}  // namespace bp2p
