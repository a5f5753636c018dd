// What a core asks for, done to the world.
#include "tests/sim/host.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

void Host::perform(const Dial& effect) { world_.network.dial(*this, effect.dial, effect.to); }
void Host::perform(const CancelDial& effect) { world_.network.cancel_dial(*this, effect.dial); }

void Host::perform(const SendToLink& effect) {
  if (is_stopping_ && effect.stream == LinkStream::overlay && world_.is_broken(Breakage::leaves_unsaid)) return;
  world_.network.send(effect.link, effect.stream, world_.transport().carry(effect.message));
}

void Host::perform(const AdmitLink& effect) { world_.network.admit(effect.link); }

void Host::perform(const CloseLink& effect) {
  if (world_.is_broken(Breakage::closes_nothing)) return;
  world_.network.close(effect.link, effect.code, effect.text);
  road_.on_link_gone(effect.link);
}

void Host::perform(const Resolve& effect) {
  if (world_.is_broken(Breakage::deaf_discovery)) return;
  world_.queue.after(world_.draw(30ms), [this, effect, start = starts_] {
    if (start != starts_) return;
    const auto found = world_.addresses_of(effect.name);
    input("on_resolved", Digest{}.add(effect.name.text()).add(found.size()), [=](Core& core, Now at_time, Effects& out) {
      core.on_resolved(effect.resolve, found, at_time, out);
    });
  });
}

void Host::perform(const ReadPins& effect) {
  world_.queue.after(world_.draw(2ms), [this, effect, start = starts_] {
    if (start != starts_ || core_ == nullptr) return;
    PinReads reads = disk.read(effect.key, effect.names);
    world_.checks.on_pins_read(*this, effect, reads);
    input("on_pins_read", Digest{}.add(effect.link).add(reads.in_all), [=](Core& core, Now at_time, Effects& out) {
      core.on_pins_read(effect.link, reads, at_time, out);
    });
  });
}

void Host::perform(const StorePins& effect) {
  world_.queue.after(100us + world_.draw(10ms), [this, effect, start = starts_] {
    if (start != starts_ || core_ == nullptr) return;
    const bool stored = !disk.is_full;
    world_.checks.on_pins_stored(*this, effect, stored);
    if (stored && !world_.is_broken(Breakage::pins_forget))
      for (const NodeName& name : effect.names) disk.pins.insert_or_assign(name, effect.key);
    input("on_pins_stored", Digest{}.add(effect.link).add(stored ? 1 : 0), [=](Core& core, Now at_time, Effects& out) {
      core.on_pins_stored(effect.link, stored, at_time, out);
    });
  });
}

void Host::perform(const SendToSession& effect) {
  to_node(effect.session, [this, leg = effect.session, bytes = effect.frame](Node& node) {
    const auto frame = local::decode(bytes);
    if (!frame) return world_.violated("I20", "a frame for a node that does not decode");
    node.on_frame(leg, *frame);
  });
}

void Host::perform(const CloseSession& effect) {
  if (road_.has(effect.session)) return road_.end(effect.session, true);
  close_leg(effect.session);
}

void Host::perform(const StartChannel& effect) {
  const auto leg = legs_.find(effect.leg);
  Network::End* own = nullptr;
  const bool has_link = world_.network.connection_of(effect.link, &own) != nullptr && own->state == Network::End::State::open;
  if (leg == legs_.end() || !has_link) {
    close_leg(effect.leg);
    return on_channel_closed(effect.leg);
  }
  StartChannel channel = effect;
  if (world_.is_broken(Breakage::wrong_names)) channel.names.remote = NodeName::parse("somebody@else");
  world_.checks.on_channel_started(*this, channel);
  road_.start(channel, *leg->second.node);
}

void Host::perform(const StartLocalChannel& effect) {
  const auto dialler = legs_.find(effect.dialler), acceptor = legs_.find(effect.acceptor);
  if (dialler == legs_.end() || acceptor == legs_.end()) {
    for (const SessionId leg : {effect.dialler, effect.acceptor}) {
      close_leg(leg);
      on_channel_closed(leg);
    }
    return;
  }
  road_.start(effect, *dialler->second.node, *acceptor->second.node);
}

}  // namespace bp2p::sim
