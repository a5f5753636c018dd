// I22, what of it the core answers for: what a flooding peer may leave with us is bounded, and its flood makes no more
// than one answer of each message. (Throttling, and the latency of others, are the driver's and need a model of its CPU.)
#pragma once
#include <map>

#include "proto/wire/limits.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Floods final : public Check {
 public:
  using Check::Check;

  void on_effect(const Host& host, const Effect& effect) override {
    const auto* send = std::get_if<SendToSession>(&effect);
    if (send == nullptr || send->frame.empty() || send->frame.front() != std::byte{7}) return;  // INCOMING
    auto& told = told_[{host.number, send->session}];
    if (world_.queue.now() - told.since > world_.core_config().accept_budget) told = {world_.queue.now(), 0};
    // Within one budget a ticket may be used and another given out for it: twice the bound, and no more.
    if (++told.count > 2 * limits::incoming_per_session_max + limits::channels_per_link_max)
      world_.violated("I22", "a node of daemon " + std::to_string(host.number) + " was told of " + std::to_string(told.count) + " channels at once");
  }

  void on_second(const Host& host) override {
    std::map<LinkId, std::size_t> channels;
    for (const ChannelStatus& channel : host.core()->status(host.now()).channels)
      if (channel.link && ++channels[*channel.link] > limits::channels_per_link_max)
        return world_.violated("I22", "a link of daemon " + std::to_string(host.number) + " carries more channels than one may");
  }

 private:
  struct Told {
    TimePoint since{};
    std::size_t count = 0;
  };
  std::map<std::pair<std::size_t, SessionId>, Told> told_;
};

}  // namespace bp2p::sim
