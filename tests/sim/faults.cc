#include "tests/sim/faults.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace bp2p::sim {

using Verb = Action::Verb;

Duration Faults::quiet_for() const { return world_.queue.now() - last_end_; }
Duration Faults::undisturbed_for() const { return world_.queue.now() - disturbed_until_; }

void Faults::undo_after(Duration span, std::function<void()> undo) {
  last_end_ = std::max(last_end_, world_.queue.now() + span);
  disturbed_until_ = std::max(disturbed_until_, last_end_);
  world_.queue.after(span, [this, undo = std::move(undo)] {
    if (!is_calm_) undo();  // calm() has undone everything
  });
}

Host& Faults::any_host() { return *world_.hosts[rng_.below(world_.hosts.size())]; }

std::vector<Host*> Faults::hosts_of(std::size_t which) {
  if (which == Action::any) return {&any_host()};
  std::vector<Host*> found;
  for (const auto& each : world_.hosts)
    if (which == Action::all || each->number == which) found.push_back(each.get());
  return found;
}

void Faults::perform(const Action& action) {
  if (is_calm_) return;
  if (action.verb == Verb::draw) return perform(draw());
  world_.trace.say("fault: " + show(action));
  ++performed_;
  quiet_before_ = quiet_for();
  last_end_ = std::max(last_end_, world_.queue.now());
  if (action.verb != Verb::hostile) disturbed_until_ = std::max(disturbed_until_, world_.queue.now());
  world_.checks.on_fault(show(action));
  switch (action.verb) {
    case Verb::break_links: return break_links(action);
    case Verb::cut: return cut(action);
    case Verb::partition: return partition(action);
    case Verb::weather:
      world_.network.paths.weather = {.delay = action.delay, .jitter = action.jitter, .loss_percent = action.loss_percent};
      return;
    case Verb::pause:
      for (Host* host : hosts_of(action.host)) pause(*host, action.span);
      return;
    case Verb::crash:
    case Verb::stop:
      for (Host* host : hosts_of(action.host)) restart(*host, action);
      return;
    case Verb::remove:
      for (Host* host : hosts_of(action.host)) host->remove();
      return;
    case Verb::kill:
      for (Host* host : hosts_of(action.host)) kill(*host, action.span);
      return;
    case Verb::clock:
      for (Host* host : hosts_of(action.host)) {
        host->set_clock_offset(std::chrono::duration_cast<WallTime>(action.step));
        undo_after(action.span, [host] { host->set_clock_offset({}); });
      }
      return;
    case Verb::disk:
      for (Host* host : hosts_of(action.host)) {
        (action.kind == "full" ? host->disk.is_full : host->disk.is_unreadable) = true;
        undo_after(action.span, [host] { host->disk.is_full = host->disk.is_unreadable = false; });
      }
      return;
    case Verb::storm:
      for (Host* host : hosts_of(action.host))
        for (const auto& node : host->nodes)
          for (const auto& each : world_.hosts)
            for (const auto& peer : each->nodes)
              if (peer != node) node->dial(peer->name());
      return;
    case Verb::hostile: return attack(action);
    case Verb::poison: {
      Hostile& hostile = world_.new_hostile();
      for (Host* host : hosts_of(action.host))
        for (const auto& node : host->nodes) world_.poison[node->name()] = {hostile.at};
      return;
    }
    case Verb::draw: return;
  }
}

void Faults::break_links(const Action& action) {
  for (const Host* host : hosts_of(action.host))
    for (const auto& [number, connection] : world_.network.connections()) {
      const auto is_end = [&](std::size_t which) {
        return std::ranges::any_of(connection->ends, [&](const auto& end) { return end.party && end.party->number == which; });
      };
      if (is_end(host->number) && (action.other == Action::any || is_end(action.other))) world_.network.lose(number);
    }
}

void Faults::cut(const Action& action) {
  const std::size_t from = hosts_of(action.host).front()->number, to = hosts_of(action.other).front()->number;
  world_.network.paths.cut(from, to);
  world_.network.on_paths_changed();
  undo_after(action.span, [this, from, to] {
    world_.network.paths.mend(from, to);
    world_.network.on_paths_changed();
  });
}

void Faults::partition(const Action& action) {
  if (action.kind == "swizzled") return swizzle(action.span);
  Paths::Groups groups(world_.hosts.size() + 1);
  const std::size_t count = action.kind == "islands" ? 2 + rng_.below(3) : 2;
  for (auto& group : groups) group = static_cast<std::uint8_t>(rng_.below(count));
  if (action.kind == "bridge") groups[any_host().number] = Paths::bridge;
  if (action.kind == "flapping") {
    for (Duration at{}; at < action.span; at += 4s)
      world_.queue.after(at, [this, groups] {
        if (is_calm_) return;
        const auto id = world_.network.paths.divide(groups);
        world_.network.on_paths_changed();
        undo_after(2s, [this, id] {
          world_.network.paths.unite(id);
          world_.network.on_paths_changed();
        });
      });
    return undo_after(action.span, [] {});
  }
  const auto id = world_.network.paths.divide(std::move(groups));
  world_.network.on_paths_changed();
  undo_after(action.span, [this, id] {
    world_.network.paths.unite(id);
    world_.network.on_paths_changed();
  });
}

/// Daemons are cut off one by one, and come back in another order.
void Faults::swizzle(Duration span) {
  std::vector<std::size_t> numbers;
  for (const auto& each : world_.hosts)
    if (rng_.below(2) == 0) numbers.push_back(each->number);
  if (numbers.empty()) return;
  std::vector<std::size_t> back = numbers;
  rng_.shuffle(std::span{numbers});
  rng_.shuffle(std::span{back});
  const Duration step = span / static_cast<Duration::rep>(2 * numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto cut_at = step * static_cast<Duration::rep>(i);
    const auto turn = static_cast<Duration::rep>(std::ranges::find(back, numbers[i]) - back.begin());
    world_.queue.after(cut_at, [this, number = numbers[i], lasts = span / 2 + step * turn - cut_at] {
      if (is_calm_) return;
      Paths::Groups groups(world_.hosts.size() + 1);
      groups[number] = 1;
      const auto id = world_.network.paths.divide(std::move(groups));
      world_.network.on_paths_changed();
      undo_after(lasts, [this, id] {
        world_.network.paths.unite(id);
        world_.network.on_paths_changed();
      });
    });
  }
  undo_after(span, [] {});
}

void Faults::pause(Host& host, Duration span) {
  if (!host.is_up() || host.is_paused()) return;
  if (span <= Network::keep_alive / 3) {
    world_.checks.on_short_pause(host, span);
  }
  host.pause();
  undo_after(span, [&host] { host.wake(); });
}

void Faults::restart(Host& host, const Action& action) {
  if (!host.is_up()) return;
  if (action.verb == Verb::stop) {
    host.stop_process();
  } else {
    host.crash();
  }
  if (action.without_state) host.lose_state(world_.new_key_seed());
  undo_after(std::max(action.span, action.verb == Verb::stop ? Duration{2s} : Duration{}), [&host] { host.start_process(); });
}

void Faults::kill(Host& host, Duration span) {
  for (const auto& node : host.nodes) {
    node->kill();
    undo_after(span, [&node] { node->start(); });
  }
}

void Faults::attack(const Action& action) {
  for (Host* host : hosts_of(action.host)) {
   for (std::uint64_t turn = 0; turn < action.times; ++turn) {
    Hostile* hostile = nullptr;
    // Some come back with the key they had.
    if (action.times == 1 && !world_.hostiles.empty() && rng_.below(2) == 0) hostile = world_.hostiles[rng_.below(world_.hostiles.size())].get();
    if (hostile == nullptr) hostile = &world_.new_hostile();
    hostile->attack(*host, action.kind);
   }
  }
}

void Faults::calm() {
  world_.trace.say("calm: all faults end");
  is_calm_ = true;
  last_end_ = disturbed_until_ = world_.queue.now() + world_.network.paths.stands_still_for();
  world_.network.paths.heal_all();
  world_.poison.clear();
  for (const auto& hostile : world_.hostiles) hostile->leave();
  for (const auto& host : world_.hosts) {
    if (host->is_removed()) continue;
    host->set_clock_offset({});
    host->disk.is_full = host->disk.is_unreadable = false;
    host->wake();
    if (host->is_stopping()) host->crash();
    host->start_process();
    for (const auto& node : host->nodes) node->start();
    const auto pins = host->disk.pins;
    for (const auto& [name, pinned] : pins) {
      const Node* owner = world_.node(name);
      if (owner == nullptr || owner->host().key() != pinned) host->unpin(name);
    }
  }
  world_.network.on_paths_changed();
}

// --- what `mixed` does ------------------------------------------------------------------------------

Action Faults::draw() {
  const auto span = [&](Duration from, Duration to) {
    // Short ones as often as long ones, in whole milliseconds, so that the text of an action says all of it.
    const Duration wide = from + Duration{static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>((to - from).count())))};
    const Duration chosen = rng_.below(2) == 0 ? wide : from + (wide - from) / 8;
    return Duration{chosen.count() / 1'000'000 * 1'000'000 + 1'000'000};
  };
  const auto one_of = [&](std::initializer_list<const char*> kinds) { return std::string{kinds.begin()[rng_.below(kinds.size())]}; };
  const std::size_t host = any_host().number;
  switch (rng_.below(14)) {
    case 0: return {.verb = Verb::break_links, .host = host};
    case 1: return {.verb = Verb::cut, .host = host, .other = any_host().number, .span = span(100ms, 50s)};
    case 2: return {.verb = Verb::partition, .span = span(1s, 60s), .kind = one_of({"half", "islands", "bridge", "flapping", "swizzled"})};
    case 3:
      return {.verb = Verb::weather, .delay = span(0s, 300ms), .jitter = span(0s, 300ms), .loss_percent = rng_.below(3) * 10};
    case 4:
    case 5: return {.verb = Verb::pause, .host = host, .span = span(100ms, 60s)};
    case 6:
    case 7: return {.verb = Verb::crash, .host = host, .span = span(10ms, 20s), .without_state = rng_.below(4) == 0};
    case 8: return {.verb = Verb::stop, .host = host, .span = span(2s, 20s)};
    case 9: return {.verb = Verb::kill, .host = host, .span = span(10ms, 10s)};
    case 10: return {.verb = Verb::clock, .host = host, .span = span(1s, 60s), .step = rng_.below(2) == 0 ? span(0s, 1h) : -span(0s, 1h)};
    case 11: return {.verb = Verb::disk, .host = host, .span = span(1s, 20s), .kind = one_of({"full", "unreadable"})};
    case 12: return {.verb = Verb::storm, .host = host};
    default: break;
  }
  if (rng_.below(5) == 0) return {.verb = Verb::poison, .host = host};
  return {.verb = Verb::hostile, .host = host,
          .kind = one_of({"silent", "forged", "replayed", "relayed", "malformed", "oversized", "flood", "names", "honest", "liar",
                          "garbage", "accuser", "storm", "eclipse"})};
}

}  // namespace bp2p::sim
