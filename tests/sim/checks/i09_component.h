// I9: a connected, quiet network becomes one component within 60 s: any length of split, any join storm.
#pragma once
#include "tests/sim/world.h"

namespace bp2p::sim {

class Component final : public Check {
 public:
  using Check::Check;

  void on_moment() override {
    if (!world_.faults.is_calm() || world_.sight.components <= 1) {
      apart_for_ = 0;
      return;
    }
    ++apart_for_;
    // A link that is exchanged for another may be missing for a moment.
    if (world_.faults.quiet_for() > within && apart_for_ > 5)
      world_.violated("I9", "the daemons are " + std::to_string(world_.sight.components) + " clusters:" + listed());
  }

 private:
  std::string listed() const {
    std::string text;
    for (std::size_t which = 1; which <= world_.sight.components; ++which) {
      text += which == 1 ? " " : " | ";
      for (std::size_t number = 1; number < world_.sight.component.size(); ++number) {
        if (world_.sight.component[number] != which) continue;
        text += "d" + std::to_string(number) + "(";
        for (const std::size_t each : world_.sight.neighbours[number]) text += " " + std::to_string(each);
        text += " ) ";
      }
    }
    return text;
  }
  static constexpr Duration within = 60s;
  unsigned apart_for_ = 0;
};

}  // namespace bp2p::sim
