// A hundred daemons that lose links, words and one another. Gossip reaches all who are connected, late when something was
// lost; only the really dead go down, and all agree on them.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "proto/membership/suspicion.h"
#include "tests/unit/proto/membership/world.h"

namespace bp2p::membership {
namespace {

using Status = Suspicions::Status;

class Cluster {
 public:
  Cluster(std::uint64_t seed, Index count, const Config& settings = {}) : rng(seed), config(settings), alive(count, true), side(count, 0), paused_until(count) {
    for (Index i = 0; i < count; ++i) daemons.emplace_back(config, key(i), 1, rng.split(), now);
    for (Index i = 0; i < count; ++i) {
      for (Index j = 0; j < count; ++j) daemons[i].on_member(*make_contact(j), now, out_);
      out_.clear();
      // A ring and as many again at random: four to six links each.
      links.emplace(i, (i + 1) % count);
      const auto other = static_cast<Index>(rng.below(count));
      if (other != i) links.emplace(i, other);
      tick(i);
    }
  }

  static PublicKey key(Index i) { return make_contact(i)->key; }
  void at(TimePoint when, std::function<void()> what) { queue_.emplace(when, std::move(what)); }
  void run_for(Duration duration) {
    const TimePoint end = now + duration;
    while (!queue_.empty() && queue_.begin()->first <= end) {
      auto event = queue_.extract(queue_.begin());
      now = event.key();
      event.mapped()();
    }
    now = end;
  }
  bool connected(Index a, Index b) const { return alive[a] && alive[b] && side[a] == side[b]; }
  /// Both ends notice, each for itself.
  void lose_link(Index a, Index b) {
    hears(a, 1s, [=, this](LifeEffects& out) { daemons[a].on_link_lost(key(b), now, out); });
    hears(b, 1s, [=, this](LifeEffects& out) { daemons[b].on_link_lost(key(a), now, out); });
  }
  void kill(Index who) {
    alive[who] = false;
    for (const auto& [a, b] : links)
      if (a == who || b == who) lose_link(a, b);
  }
  void cut() {
    for (const auto& [a, b] : links)
      if (side[a] != side[b]) lose_link(a, b);
  }
  void heal() {
    std::ranges::fill(side, 0);
    for (const auto& [a, b] : links)
      if (connected(a, b)) link_up(a, b);
  }
  void link_up(Index a, Index b) {
    hears(a, 5s, [=, this](LifeEffects& out) { daemons[a].on_link_up(key(b), now, out); });
    hears(b, 5s, [=, this](LifeEffects& out) { daemons[b].on_link_up(key(a), now, out); });
  }
  /// Something that is not about life and death, as stores do.
  void all_speak() {
    for (Index i = 0; i < daemons.size(); ++i)
      for (Index to = 0; to < daemons.size(); ++to)
        if (to != i && connected(i, to)) hears(to, 200ms, [=, this](LifeEffects&) { daemons[to].on_heard(key(i), now); });
  }
  void lie(Index liar, Index to, const Suspicion& suspicion) {
    hears(to, 200ms, [=, this](LifeEffects& out) { daemons[to].on_suspicion(key(liar), suspicion, now, out); });
  }
  std::size_t held_down(Index by, bool living) const {
    return static_cast<std::size_t>(std::ranges::count_if(daemons[by].members(), [&](const auto& each) {
      const bool lives = each.second.status == Status::alive || each.second.status == Status::suspected;
      return !lives && alive[index_of(each.first)] == living;
    }));
  }
  /// Empty: every living daemon holds exactly the dead down.
  std::string disagreement() const {
    const auto dead = static_cast<std::size_t>(std::ranges::count(alive, false));
    for (Index i = 0; i < daemons.size(); ++i) {
      if (!alive[i]) continue;
      if (held_down(i, true) > 0) return std::to_string(i) + " holds living ones down";
      if (held_down(i, false) != dead) return std::to_string(i) + " holds dead ones alive";
    }
    return {};
  }

  Rng rng;
  Config config;
  TimePoint now{1h};
  std::vector<Suspicions> daemons;
  std::vector<bool> alive;
  std::vector<int> side;
  std::vector<TimePoint> paused_until;
  std::set<std::pair<Index, Index>> links;
  unsigned probes_lost_percent = 0;
  /// MemberDown(failed) of a living daemon that the one who says so could reach.
  std::size_t wrong_verdicts = 0, broadcasts = 0;

 private:
  Duration any(Duration below) { return Duration{static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(below.count())))}; }
  /// Within `delay`, and when it runs again.
  void hears(Index who, Duration delay, std::function<void(LifeEffects&)> input) {
    at(now + any(delay), [=, this] { deliver(who, input); });
  }
  void deliver(Index who, const std::function<void(LifeEffects&)>& input) {
    if (!alive[who]) return;
    if (now < paused_until[who]) return at(paused_until[who], [=, this] { deliver(who, input); });
    input(out_);
    perform(who);
  }
  void tick(Index who) {
    at(std::max(daemons[who].next_deadline(), now), [=, this] {
      if (!alive[who]) return;
      if (now < paused_until[who]) return at(paused_until[who], [=, this] { tick(who); });
      daemons[who].on_time(now, out_);
      perform(who);
      tick(who);
    });
  }
  void perform(Index who) {
    LifeEffects out;
    std::swap(out, out_);
    for (const LifeEffect& effect : out) {
      if (const auto* probe = std::get_if<Probe>(&effect)) {
        const PublicKey peer = probe->key;
        const Index to = index_of(peer);
        const bool lost = rng.below(100) < probes_lost_percent;
        hears(who, 3s, [=, this](LifeEffects& effects) {
          if (!lost && connected(who, to) && now >= paused_until[to]) daemons[who].on_probe_ok(peer, now, effects);
          else daemons[who].on_probe_failed(peer, now, effects);
        });
      } else if (const auto* broadcast = std::get_if<Broadcast>(&effect)) {
        ++broadcasts;
        for (Index to = 0; to < daemons.size(); ++to) {
          if (to == who || !connected(who, to)) continue;
          const auto message = broadcast->message;
          // One in ten comes by a graft.
          hears(to, rng.below(10) == 0 ? 2s : 200ms, [=, this](LifeEffects& effects) {
            if (const auto* suspicion = std::get_if<Suspicion>(&message)) daemons[to].on_suspicion(key(who), *suspicion, now, effects);
            else daemons[to].on_alive(key(who), std::get<Alive>(message), now, effects);
          });
        }
      } else if (const auto* tell = std::get_if<Tell>(&effect)) {
        const Index to = index_of(tell->key);
        const HeldDown held = tell->message;
        if (connected(who, to)) hears(to, 50ms, [=, this](LifeEffects& effects) { daemons[to].on_held_down(key(who), held, now, effects); });
      } else if (const auto* down = std::get_if<MemberDown>(&effect)) {
        wrong_verdicts += down->how == Gone::failed && connected(who, index_of(down->key));
      }
    }
  }

  std::multimap<TimePoint, std::function<void()>> queue_;
  LifeEffects out_;
};

Config never_at_random() {
  Config config;
  config.look_every = 1000h;
  return config;
}

TEST(Deaths, OnlyTheDeadGoDownAndAllAgree) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Cluster cluster{seed, 100, never_at_random()};
    cluster.probes_lost_percent = 30;
    std::vector<std::pair<Index, Index>> links{cluster.links.begin(), cluster.links.end()};
    for (int minute = 0; minute < 20; ++minute) {
      for (int i = 0; i < 10; ++i) {
        const auto [a, b] = links[cluster.rng.below(links.size())];
        cluster.lose_link(a, b);
      }
      if (minute % 2 == 0) cluster.kill(static_cast<Index>(minute * 5));
      cluster.run_for(1min);
    }
    cluster.run_for(5min);
    EXPECT_EQ(cluster.wrong_verdicts, 0u) << "seed " << seed;
    EXPECT_EQ(cluster.disagreement(), "") << "seed " << seed;
  }
}

TEST(Deaths, ADaemonThatIsPausedForHalfAMinuteNeitherDiesNorKills) {
  Cluster cluster{4, 100, never_at_random()};
  cluster.probes_lost_percent = 30;
  for (Index round = 0; round < 10; ++round) {
    const Index who = round * 7;
    // Its links stand for a while; then all neighbours miss it, and it misses them when it wakes.
    cluster.at(cluster.now + 20s, [&cluster, who] {
      for (const auto& [a, b] : cluster.links)
        if (a == who || b == who) cluster.lose_link(a, b);
    });
    cluster.paused_until[who] = cluster.now + 28s;
    cluster.run_for(2min);
  }
  EXPECT_EQ(cluster.wrong_verdicts, 0u);
  EXPECT_EQ(cluster.disagreement(), "");
}

TEST(Deaths, ASplitHealsWhateverItsLengthAndTheDeadOfEitherSideAreDeadOnBoth) {
  for (const Duration length : {Duration{5min}, Duration{3h}}) {
    Cluster cluster{5, 100, never_at_random()};
    for (Index i = 0; i < 30; ++i) cluster.side[i * 3] = 1;
    cluster.cut();
    cluster.run_for(length / 2);
    EXPECT_GT(cluster.held_down(0, true), 30u);
    cluster.kill(0);
    cluster.kill(1);
    cluster.run_for(length / 2);
    cluster.heal();
    cluster.run_for(2min);
    cluster.all_speak();
    cluster.run_for(2min);
    EXPECT_EQ(cluster.disagreement(), "");
    EXPECT_LT(cluster.broadcasts, 100u * 40);
  }
}

TEST(Deaths, OneThatDiesWithAllItsNeighboursIsFoundByTrying) {
  Cluster cluster{6, 100};
  std::set<Index> dead{50};
  for (const auto& [a, b] : cluster.links) {
    if (a == 50) dead.insert(b);
    if (b == 50) dead.insert(a);
  }
  for (const Index each : dead) cluster.kill(each);
  cluster.run_for(30min);
  EXPECT_EQ(cluster.disagreement(), "");
}

TEST(Deaths, AStormOfAccusationsByFiveKeysKillsNobody) {
  Cluster cluster{7, 100, never_at_random()};
  for (int second = 0; second < 100; ++second) {
    for (Index liar = 0; liar < 5; ++liar)
      for (int i = 0; i < 4; ++i) {
        const auto suspect = static_cast<Index>(5 + cluster.rng.below(95));
        const Suspicion lie{Cluster::key(suspect), {1, cluster.daemons[suspect].own_life().incarnation}};
        for (Index to = 5; to < 100; ++to) cluster.lie(liar, to, lie);
      }
    cluster.run_for(1s);
  }
  cluster.run_for(5min);
  EXPECT_EQ(cluster.wrong_verdicts, 0u);
}

}  // namespace
}  // namespace bp2p::membership
