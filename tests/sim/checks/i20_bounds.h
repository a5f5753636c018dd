// I20: any input at any boundary costs bounded time and memory and gives a typed error; lengths are checked before
// allocation.
#pragma once
#include <map>
#include <set>

#include "tests/sim/world.h"

namespace bp2p::sim {

class Bounds final : public Check {
 public:
  using Check::Check;

  /// One input's effects go to what there is: a few for each link, each session and each dial; a broadcast goes to every
  /// neighbour and every session, and with it those that waited for it.
  void on_input_done(const Host& host, std::string_view what, std::size_t bytes, const Effects& effects) override {
    const std::size_t parties = world_.hosts.size() + world_.hostiles.size();
    std::size_t out = 0;
    for (const Effect& effect : effects) {
      if (const auto* send = std::get_if<SendToLink>(&effect)) out += send->message.size();
      if (const auto* send = std::get_if<SendToSession>(&effect)) out += send->frame.size();
    }
    if (effects.size() > 1000 + 64 * parties || out > 1024 * 1024 + 10 * bytes + 4096 * parties)
      world_.violated("I20", "daemon " + std::to_string(host.number) + ": one " + std::string{what} + " of " + std::to_string(bytes) +
                                 " bytes made " + std::to_string(effects.size()) + " effects, " + std::to_string(out) + " bytes");
  }

  void on_offence(const Host&, LinkId link, ByteView message) override { offences_[link].insert(digest(message)); }

  void on_link_message(const Host&, LinkId link, ByteView message) override {
    const auto found = offences_.find(link);
    if (found == offences_.end() || !found->second.contains(digest(message))) return;
    offences_.erase(found);
    heard_.emplace(link, world_.queue.now());
  }

  /// Who is paused acts on nothing.
  void on_moment() override {
    for (auto& [link, since] : heard_) {
      Network::End* own = nullptr;
      if (world_.network.connection_of(link, &own) != nullptr && own->party->is_paused()) since = world_.queue.now();
    }
  }

  /// The offender's link is closed: at once, or when the names before it have been looked up.
  void on_second(const Host& host) override {
    for (auto each = heard_.begin(); each != heard_.end();) {
      Network::End* own = nullptr;
      const bool is_open = world_.network.connection_of(each->first, &own) != nullptr && own->is_alive();
      if (!is_open) {
        each = heard_.erase(each);
        continue;
      }
      if (own->party == &host && world_.queue.now() - each->second > 6s)
        return world_.violated("I20", "daemon " + std::to_string(host.number) + " keeps the link " + std::to_string(each->first.value) +
                                          " on which it was sent what cannot be");
      ++each;
    }
  }

 private:
  static std::uint64_t digest(ByteView message) { return Digest{}.add(message).value(); }
  std::map<LinkId, std::set<std::uint64_t>> offences_;
  std::map<LinkId, TimePoint> heard_;
};

}  // namespace bp2p::sim
