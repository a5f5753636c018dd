// I19: a pause shorter than a third of the keep-alive is invisible; a longer one costs membership, and on waking the
// daemon suspects itself first and comes back with nothing stale.
#pragma once
#include <set>

#include "tests/sim/world.h"

namespace bp2p::sim {

class Pauses final : public Check {
 public:
  using Check::Check;

  /// Only where nothing else disturbs it: then what was there before is there after.
  void on_short_pause(const Host& host, Duration span) override {
    if (world_.faults.quiet_before() < 45s) return;
    // Nor does the cluster notice: nobody loses a neighbour to it, nobody is suspected.
    watched_until_ = std::max(watched_until_, world_.queue.now() + span + 15s);
    watched_faults_ = world_.faults.performed();
    const Status before = host.core()->status(host.now());
    std::set<LinkId> links;
    for (const LinkStatus& link : before.links)
      if (link.admitted) links.insert(link.link);
    std::set<SessionId> channels;
    for (const ChannelStatus& channel : before.channels) channels.insert(channel.leg);
    world_.queue.after(span + 3s, [this, &host, links, channels, start = host.start(), faults = world_.faults.performed()] {
      if (world_.faults.performed() != faults || host.start() != start || !host.is_up()) return;
      const Status after = host.core()->status(host.now());
      std::size_t links_left = 0, channels_left = 0;
      for (const LinkStatus& link : after.links) links_left += links.count(link.link);
      for (const ChannelStatus& channel : after.channels) channels_left += channels.count(channel.leg);
      if (links_left < links.size() || channels_left < channels.size())
        world_.violated("I19", "a short pause of daemon " + std::to_string(host.number) + " cost " +
                                   std::to_string(links.size() - links_left) + " links and " +
                                   std::to_string(channels.size() - channels_left) + " channels");
    });
  }

  void on_effect(const Host& host, const Effect& effect) override {
    const auto* event = std::get_if<Event>(&effect);
    if (event == nullptr || world_.queue.now() >= watched_until_ || world_.faults.performed() != watched_faults_) return;
    if (event->name == "member.suspected" || event->name == "member.down" ||
        (event->name == "overlay.neighbour_gone" && event->text.ends_with("lost")))
      world_.violated("I19", "a short pause, and daemon " + std::to_string(host.number) + " says " + event->text);
  }

  /// Nothing stale: whatever a core believes to stand has another end that believes so too.
  void on_deadline() override {
    for (const auto& host : world_.hosts) {
      if (!host->is_up()) continue;
      const Status status = host->core()->status(host->now());
      for (const LinkStatus& link : status.links) {
        Network::End *own = nullptr, *peer = nullptr;
        const auto* connection = world_.network.connection_of(link.link, &own, &peer);
        // Daemons link up all the time: one has just opened it, or has just closed it, and the other does not know yet.
        const auto is_recent = [&](TimePoint then) { return then != never && world_.queue.now() - then < 2s; };
        if (connection != nullptr && (is_recent(peer->over_at) || is_recent(connection->opened))) continue;
        if (connection == nullptr || !own->is_alive() || !peer->is_alive())
          return world_.violated("I19", "daemon " + std::to_string(host->number) + " keeps a link that is no more");
      }
      for (const ChannelStatus& channel : status.channels)
        if (host->road().find(channel.leg) == nullptr)
          return world_.violated("I19", "daemon " + std::to_string(host->number) + " keeps a channel that is no more");
    }
  }

 private:
  TimePoint watched_until_{};
  std::size_t watched_faults_ = 0;
};

}  // namespace bp2p::sim
