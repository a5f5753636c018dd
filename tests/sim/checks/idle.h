// A cluster in which nothing goes on says hardly anything to itself, and nothing at all to the operator.
#pragma once
#include "tests/sim/world.h"

namespace bp2p::sim {

class Idle final : public Check {
 public:
  using Check::Check;

  void on_effect(const Host& host, const Effect& effect) override {
    const auto* event = std::get_if<Event>(&effect);
    if (event == nullptr || !is_idle() || event->severity == Severity::debug) return;
    world_.violated("idle", "daemon " + std::to_string(host.number) + " logs " + event->name + ": " + event->text);
  }

  void on_moment() override {
    if (!is_idle()) return;
    if (seconds_++ == 0)
      for (const auto& host : world_.hosts) before_[host->number] = world_.network.sent_by(host->number);
    for (const auto& [number, connection] : world_.network.connections())
      for (const auto& end : connection->ends)
        if (end.party != nullptr && end.is_alive()) ++link_seconds_[end.party->number];
  }

  void on_deadline() override {
    if (!is_idle() || seconds_ == 0) return;
    for (const auto& host : world_.hosts) {
      const Network::Sent sent = world_.network.sent_by(host->number), had = before_[host->number];
      // What comes to a message below: UDP and IP 28, QUIC with its tag and frames 30, and an acknowledgement of 60. And
      // each link is kept alive by a packet when nothing else is said.
      const std::uint64_t bytes = sent.bytes - had.bytes + 118 * (sent.messages - had.messages) + link_seconds_[host->number] * 118 / 10;
      world_.trace.say("daemon " + std::to_string(host->number) + " sends " + std::to_string(bytes / seconds_) + " B/s, of them " +
                       std::to_string((sent.bytes - had.bytes) / seconds_) + " of messages");
      if (bytes / seconds_ >= (world_.is_broken(Breakage::chatty) ? 10u : 1000u))
        return world_.violated("idle", "daemon " + std::to_string(host->number) + " sends " + std::to_string(bytes / seconds_) + " bytes a second");
    }
  }

 private:
  bool is_idle() const { return world_.scenario().idle_from && world_.queue.elapsed() >= *world_.scenario().idle_from; }
  std::uint64_t seconds_ = 0;
  std::map<std::size_t, Network::Sent> before_;
  std::map<std::size_t, std::uint64_t> link_seconds_;
};

}  // namespace bp2p::sim
