#include "tests/sim/world.h"

#include <array>

namespace bp2p::sim {
namespace {

Address address_of(std::size_t number, std::uint8_t net) {
  Address address;
  address.ip[10] = address.ip[11] = std::byte{0xff};
  address.ip[12] = static_cast<std::byte>(net);
  // A hostile peer has a whole network of its own: what is allowed to a network is allowed to it.
  address.ip[13] = static_cast<std::byte>(net == 10 ? number >> 16 : number);
  address.ip[14] = static_cast<std::byte>(number >> 8);
  address.ip[15] = static_cast<std::byte>(number);
  address.port = 9100;
  return address;
}

}  // namespace

World::World(const Options& options)
    : rng(options.seed),
      trace(queue, options.keep, options.only_daemon),
      network(queue, rng.split()),
      checks(*this),
      faults(*this, rng.split()),
      options_(options),
      transport_(options.transport, rng.split(), [this](std::string text) { violated("I20", std::move(text)); }) {
  build();
}

World::~World() = default;

void World::build() {
  const Scenario& scenario = options_.scenario;
  // Drawn in any case, so that saying the number that was drawn makes the same run.
  std::uint64_t more = scenario.nodes_max - scenario.nodes_min;
  if (more > 16) more = std::min(rng.below(more + 1), std::min(rng.below(more + 1), std::min(rng.below(more + 1), rng.below(more + 1))));  // few, mostly
  else more = rng.below(more + 1);
  const std::size_t drawn = scenario.nodes_min + more;
  const std::size_t count = options_.nodes > 0 ? options_.nodes : drawn;
  for (std::size_t number = 1; number <= count; ++number) {
    hosts.push_back(std::make_unique<Host>(*this, number, address_of(number, 10), new_key_seed()));
    Host& made = *hosts.back();
    network.add(made);
    const std::size_t nodes_here = 1 + rng.below(2);
    for (std::size_t i = 0; i < nodes_here; ++i) {
      const std::string text = std::string{i == 0 ? "a" : "b"} + "@h" + std::to_string(number);
      made.nodes.push_back(std::make_unique<Node>(*this, made, NodeName::parse(text).value()));
      nodes_.emplace(made.nodes.back()->name(), made.nodes.back().get());
    }
    // By name or by address, of who came before: so all are led to one cluster.
    for (std::size_t i = 0; i < scenario.contacts && number > 1; ++i) {
      const Host& contact = *hosts[rng.below(number - 1)];
      made.contacts.push_back(rng.below(2) == 0 ? JoinTarget{contact.at} : JoinTarget{contact.nodes.front()->name()});
    }
  }
  // The first has one, too: should it lose its disk, nothing else leads it back.
  if (scenario.contacts > 0 && hosts.size() > 1) hosts[0]->contacts.push_back(hosts[1 + rng.below(hosts.size() - 1)]->at);
  std::vector<Node*> all;
  for (const auto& each : hosts)
    for (const auto& node : each->nodes) all.push_back(node.get());
  for (Node* node : all)
    for (std::size_t i = 0; i < scenario.wants && all.size() > 1; ++i) {
      const Node* peer = all[rng.below(all.size())];
      if (peer != node) node->wants.insert(peer->name());
    }
}

CoreConfig World::core_config() const {
  CoreConfig config;
  config.cluster = "sim";
  config.version = "sim";
  if (is_broken(Breakage::one_neighbour)) config.membership.active_size = 1;
  config.pin_limits.first_contacts_per_hour = options_.scenario.first_contacts;
  return config;
}

std::vector<Address> World::addresses_of(const NodeName& name) const {
  std::vector<Address> found;
  if (const auto first = poison.find(name); first != poison.end()) found = first->second;
  if (const Node* known = node(name)) found.push_back(known->host().at);
  return found;
}

Node* World::node(const NodeName& name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : found->second;
}

Hostile& World::new_hostile() {
  const std::size_t number = hosts.size() + hostiles.size() + 1;
  hostiles.push_back(std::make_unique<Hostile>(*this, number, address_of(number, 66), new_key_seed()));
  network.add(*hostiles.back());
  return *hostiles.back();
}

void World::violated(std::string_view promise, std::string text) {
  if (violation_) return;
  trace.say("VIOLATED " + std::string{promise} + ": " + text);
  violation_ = Violation{queue.elapsed(), std::string{promise}, std::move(text)};
}

void World::every_second() {
  // Of many daemons some each second: looking at all would be most of the work.
  for (std::size_t looked = 0; looked < std::min<std::size_t>(hosts.size(), 32) && !is_over(); ++looked) {
    const Host& next = *hosts[next_looked_at_++ % hosts.size()];
    if (next.is_up() && !next.is_paused()) checks.on_second(next);
  }
  sight = look(*this);
  if (!is_over()) checks.on_moment();
  queue.after(1s, [this] { every_second(); });
}

void World::broadcast_now_and_then() {
  if (!options_.scenario.broadcasts) return;
  queue.after(draw(2 * *options_.scenario.broadcasts), [this] {
    const Host& from = *hosts[rng.below(hosts.size())];
    Node& node = *from.nodes[rng.below(from.nodes.size())];
    Writer payload;
    payload.u64(++last_broadcast_);
    // Some are so large that streams fill.
    payload.raw(Bytes(rng.below(16) == 0 ? rng.below(100'000) : rng.below(200)));
    node.broadcast(payload.take());
    broadcast_now_and_then();
  });
}

Outcome World::run() {
  const Scenario& scenario = options_.scenario;
  static std::uint64_t runs = 0;  // of this process: what no run may depend on
  ++runs;
  if (is_broken(Breakage::unseeded)) rng = Rng{runs};
  for (const auto& each : hosts) {
    queue.after(draw(2s), [&each] { each->start_process(); });
    for (const auto& node : each->nodes) queue.after(draw(4s), [&node] { node->start(); });
  }
  every_second();
  broadcast_now_and_then();
  for (const Scenario::Step& step : scenario.steps)
    if (step.at < scenario.calm_at) queue.at(start_of_time + step.at, [this, &step] { faults.perform(step.action); });
  queue.at(start_of_time + scenario.calm_at, [this] { faults.calm(); });

  const Duration end = std::min(options_.until.value_or(Duration::max()), scenario.calm_at + scenario.deadline);
  while (!is_over() && queue.run_next(start_of_time + end)) continue;
  if (!is_over() && !options_.until) checks.on_deadline();

  Outcome outcome{.violation = violation_, .hash = trace.hash(), .nodes = hosts.size(), .ended_at = queue.elapsed(),
                  .events = queue.events_so_far(), .messages = network.messages_delivered(), .bytes = network.bytes_delivered()};
  for (const auto& each : hosts)
    for (const auto& [leg, pipe] : each->road().pipes()) outcome.channels += pipe.opened_here && pipe.is_up ? 1 : 0;
  return outcome;
}

}  // namespace bp2p::sim
