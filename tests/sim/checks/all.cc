// Which checkers there are.
#include "tests/sim/checks/checks.h"
#include "tests/sim/checks/convergence.h"
#include "tests/sim/checks/i01_names.h"
#include "tests/sim/checks/i02_pins.h"
#include "tests/sim/checks/i03_strangers.h"
#include "tests/sim/checks/i04_replay.h"
#include "tests/sim/checks/i06_alternate.h"
#include "tests/sim/checks/i08_views.h"
#include "tests/sim/checks/i09_component.h"
#include "tests/sim/checks/i10_broadcasts.h"
#include "tests/sim/checks/i18_deaths.h"
#include "tests/sim/checks/i19_pauses.h"
#include "tests/sim/checks/i20_bounds.h"
#include "tests/sim/checks/i21_eclipse.h"
#include "tests/sim/checks/i22_floods.h"
#include "tests/sim/checks/i24_goodbye.h"
#include "tests/sim/checks/idle.h"
#include "tests/sim/checks/members.h"

namespace bp2p::sim {

Checks::Checks(World& world) : Check(world) {
  all_.push_back(std::make_unique<Names>(world));
  all_.push_back(std::make_unique<Pins>(world));
  all_.push_back(std::make_unique<BoundedStrangers>(world));
  all_.push_back(std::make_unique<Replay>(world));
  all_.push_back(std::make_unique<Alternate>(world));
  all_.push_back(std::make_unique<Views>(world));
  all_.push_back(std::make_unique<Component>(world));
  all_.push_back(std::make_unique<Broadcasts>(world));
  all_.push_back(std::make_unique<Deaths>(world));
  all_.push_back(std::make_unique<Pauses>(world));
  all_.push_back(std::make_unique<Bounds>(world));
  all_.push_back(std::make_unique<Eclipse>(world));
  all_.push_back(std::make_unique<Floods>(world));
  all_.push_back(std::make_unique<Goodbye>(world));
  all_.push_back(std::make_unique<Idle>(world));
  all_.push_back(std::make_unique<Convergence>(world));
  all_.push_back(std::make_unique<Members>(world));
}

}  // namespace bp2p::sim
