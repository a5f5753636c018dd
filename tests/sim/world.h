// One run: daemons, nodes, network, faults and checkers in virtual time. Everything that is drawn comes from one seed.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/breakage.h"
#include "tests/sim/checks/checks.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/faults.h"
#include "tests/sim/hostile.h"
#include "tests/sim/host.h"
#include "tests/sim/network.h"
#include "tests/sim/onlooker.h"
#include "tests/sim/scenario.h"
#include "tests/sim/trace.h"
#include "tests/sim/transport.h"

namespace bp2p::sim {

struct Options {
  Scenario scenario;
  std::uint64_t seed = 1;
  std::size_t nodes = 0;  ///< daemons; 0: as the scenario says
  Transport::Kind transport = Transport::Kind::value;
  Breakage breakage = Breakage::none;
  Trace::Keep keep = Trace::Keep::hash_only;
  std::optional<std::size_t> only_daemon{};
  std::optional<Duration> until{};
};

struct Violation {
  Duration at;
  std::string promise, text;
};

struct Outcome {
  std::optional<Violation> violation;
  std::uint64_t hash = 0;
  std::size_t nodes = 0;
  Duration ended_at{};
  std::uint64_t events = 0, messages = 0, bytes = 0;
  std::size_t channels = 0;  ///< that stood at the end, counted once
};

class World {
 public:
  explicit World(const Options& options);
  ~World();
  Outcome run();

  void violated(std::string_view promise, std::string text);
  bool is_over() const { return violation_.has_value(); }
  bool is_broken(Breakage what) const { return options_.breakage == what; }
  Duration draw(Duration up_to) {
    return Duration{static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(up_to.count())))};
  }

  CoreConfig core_config() const;
  const Scenario& scenario() const { return options_.scenario; }
  Transport& transport() { return transport_; }
  std::vector<Address> addresses_of(const NodeName& name) const;
  Host& host(std::size_t number) { return *hosts.at(number - 1); }
  Node* node(const NodeName& name) const;
  /// A hostile peer with a key and an address of its own.
  Hostile& new_hostile();
  std::uint64_t new_key_seed() { return ++last_key_seed_; }

  EventQueue queue;
  Rng rng;
  Trace trace;
  Network network;
  Checks checks;
  Faults faults;
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<std::unique_ptr<Hostile>> hostiles;
  std::map<NodeName, std::vector<Address>> poison;  ///< found before the right address
  Sight sight;  ///< of this second

 private:
  void build();
  void every_second();
  void broadcast_now_and_then();
  const Options options_;
  Transport transport_;
  std::optional<Violation> violation_;
  std::map<NodeName, Node*> nodes_;
  std::uint64_t last_key_seed_ = 0, last_broadcast_ = 0;
  std::size_t next_looked_at_ = 0;
};

}  // namespace bp2p::sim
