// I24: clean shutdown within 2 s: says that it leaves; peers record `left`, not `failed`.
#pragma once
#include <map>

#include "proto/membership/suspicion.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Goodbye final : public Check {
 public:
  using Check::Check;

  void on_stop_begins(const Host& host) override {
    if (world_.faults.quiet_before() < 2s) return;  // what goes on already may come first
    if (world_.faults.quiet_before() > 30s) record_left(host);
    for (const auto& [number, connection] : world_.network.connections()) {
      for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
        const Network::End &own = connection->ends[side], &peer = connection->ends[1 - side];
        if (own.party != &host || !own.is_alive() || !peer.is_alive() || connection->close_under_way) continue;
        if (world_.network.paths.is_open(host.number, peer.party->number) && own.hears == Network::End::Hears::peer &&
            peer.hears == Network::End::Hears::peer)
          left_[peer.link] = {host.number, moment()};
      }
    }
  }

  /// Peers record `left`: all those that it is connected with, whether by a link of their own or by way of others.
  void record_left(const Host& host) {
    std::vector<std::size_t> told;
    for (const auto& each : world_.hosts)
      if (each.get() != &host && world_.sight.are_connected(each->number, host.number) && each->core()->lives().is_living(host.key()))
        told.push_back(each->number);
    world_.queue.after(5s, [this, told, key = host.key(), number = host.number, then = moment(), start = host.start()] {
      if (moment() != then || world_.host(number).start() != start) return;
      for (const std::size_t each : told) {
        const Host& peer = world_.host(each);
        if (peer.is_up() && peer.core()->lives().status(key) != membership::Suspicions::Status::left)
          return world_.violated("I24", "daemon " + std::to_string(number) + " has left, and daemon " + std::to_string(each) + " did not note that it did");
      }
    });
  }

  void on_input_done(const Host& host, std::string_view what, std::size_t, const Effects&) override {
    if (what == "on_stop" && !host.core()->status(host.now()).sessions.empty())
      world_.violated("I24", "daemon " + std::to_string(host.number) + " stops and has not told its nodes");
  }

  void on_link_over(const Host& host, LinkId link, const LinkEnd& why) override {
    const auto found = left_.find(link);
    if (found == left_.end()) return;
    const Left left = found->second;
    left_.erase(found);
    if (why.how != LinkEnd::How::closed_by_peer && moment() == left.moment)
      world_.violated("I24", "daemon " + std::to_string(left.who) + " has stopped, and daemon " + std::to_string(host.number) +
                                 " takes it for lost");
  }

 private:
  /// Nothing was done to the world as long as this is the same.
  std::uint64_t moment() const { return world_.faults.performed() + world_.network.paths.changes(); }
  struct Left {
    std::size_t who;
    std::uint64_t moment;
  };
  std::map<LinkId, Left> left_;
};

}  // namespace bp2p::sim
