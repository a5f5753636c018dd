// A promise (I1 … I25), watched while a run goes on. A checker sees what happens and calls
// World::violated with its number; the first violation ends the run. One file for each, named after its promise, and
// one line in checks/all.cc.
#pragma once
#include <string_view>

#include "proto/core/core.h"
#include "proto/wire/local_frame.h"

namespace bp2p::sim {

class Host;
class Node;
class World;
struct Pipe;

class Check {
 public:
  explicit Check(World& world) : world_(world) {}
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;
  virtual ~Check() = default;

  // What a core is told and what it wants. on_effect comes before the effect is performed.
  virtual void on_link_opened(const Host&, LinkId, const LinkFacts&) {}
  virtual void on_link_message(const Host&, LinkId, ByteView) {}
  virtual void on_link_over(const Host&, LinkId, const LinkEnd&) {}
  virtual void on_pins_read(const Host&, const ReadPins&, const PinReads&) {}
  virtual void on_pins_stored(const Host&, const StorePins&, bool /*stored*/) {}
  virtual void on_effect(const Host&, const Effect&) {}
  /// All effects of one input have been performed. `bytes`: of the input, where it came from outside.
  virtual void on_input_done(const Host&, std::string_view /*what*/, std::size_t /*bytes*/, const Effects&) {}
  virtual void on_channel_started(const Host&, const StartChannel&) {}
  /// The peer's node has said its name in the Erlang handshake, and it was good.
  virtual void on_channel_named(const Host&, const Pipe&) {}

  /// A session says a further frame; what comes of it has not been performed yet.
  virtual void on_said(const Host&, SessionId, ByteView /*frame*/, const Effects&) {}

  // What nodes hear.
  virtual void on_attached(const Node&, bool /*first_of_this_vm*/) {}
  virtual void on_refused(const Node&, SessionId, const local::Refused&) {}
  virtual void on_node_up(const Node&, const NodeName& /*peer*/, std::uint32_t /*creation*/) {}
  virtual void on_node_down(const Node&, const NodeName& /*peer*/) {}

  // What is done to them.
  virtual void on_host_gone(const Host&) {}
  virtual void on_stop_begins(const Host&) {}
  virtual void on_node_killed(const Node&) {}
  virtual void on_state_lost(const Host&) {}
  virtual void on_unpinned(const Host&, const NodeName&) {}
  virtual void on_fault(std::string_view /*text*/) {}
  virtual void on_short_pause(const Host&, Duration) {}
  /// A hostile peer sends what no daemon may say on this link: when it comes there, the link must go.
  virtual void on_offence(const Host&, LinkId, ByteView /*message*/) {}

  virtual void on_second(const Host&) {}  ///< one of the daemons that are up; all of them in turn
  virtual void on_moment() {}             ///< once a second, of all: World::sight is new
  /// The faults have been over for so long that all has to be well.
  virtual void on_deadline() {}

 protected:
  World& world_;
};

}  // namespace bp2p::sim
