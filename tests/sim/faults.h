// Does to the daemons what a scenario says, and undoes it.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "proto/base/rng.h"
#include "tests/sim/action.h"

namespace bp2p::sim {

class Host;
class World;

class Faults {
 public:
  Faults(World& world, Rng rng) : world_(world), rng_(rng) {}

  void perform(const Action& action);
  /// The end of all faults: paths are healed, processes run, clocks are right, hostile peers are gone, and wrong pins
  /// are taken back by an operator, for nobody else may (I2).
  void calm();
  bool is_calm() const { return is_calm_; }
  /// No fault has been under way for so long; of the fault that is being done: before it began.
  Duration quiet_for() const;
  Duration quiet_before() const { return quiet_before_; }
  /// The same, but for what hostile peers do.
  Duration undisturbed_for() const;
  std::size_t performed() const { return performed_; }

 private:
  Action draw();
  void undo_after(Duration span, std::function<void()> undo);
  std::vector<Host*> hosts_of(std::size_t which);
  Host& any_host();
  void break_links(const Action& action);
  void cut(const Action& action);
  void partition(const Action& action);
  void swizzle(Duration span);
  void pause(Host& host, Duration span);
  void restart(Host& host, const Action& action);
  void kill(Host& host, Duration span);
  void attack(const Action& action);

  World& world_;
  Rng rng_;
  bool is_calm_ = false;
  TimePoint last_end_ = start_of_time;  ///< of faults so far
  TimePoint disturbed_until_ = start_of_time;
  Duration quiet_before_{};
  std::size_t performed_ = 0;
};

}  // namespace bp2p::sim
