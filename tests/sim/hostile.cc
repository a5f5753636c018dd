#include "tests/sim/hostile.h"

#include <algorithm>

#include "proto/wire/limits.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

NodeName Hostile::own_name() const { return NodeName::parse("evil@x" + std::to_string(number)).value(); }
NodeName Hostile::any_name() const {
  const Host& host = *world_.hosts[world_.rng.below(world_.hosts.size())];
  return host.nodes[world_.rng.below(host.nodes.size())]->name();
}
WallTime Hostile::wall() const { return WallTime{1'800'000'000'000} + std::chrono::duration_cast<WallTime>(world_.queue.elapsed()); }

Bytes Hostile::record(std::vector<NodeName> names, std::uint64_t record_number) const {
  std::ranges::sort(names);
  return sign_record({.cluster = "sim", .names = std::move(names), .epoch = 5, .number = record_number, .addresses = {at},
                      .capabilities = {}, .issued = wall(), .expires = wall() + limits::record_life_max}, signing_);
}
Bytes Hostile::hello(const Talk& talk, std::vector<NodeName> names) const {
  return peer::encode(make_hello(talk.role, talk.exporter, "sim", record(std::move(names)), signing_));
}

void Hostile::attack(Host& victim, const std::string& kind) {
  for (std::size_t i = 0; i < (kind == "silent" ? 6u : 1u); ++i) {
    const DialId dial{++last_dial_};
    dials_.emplace(dial, kind);
    world_.network.dial(*this, dial, victim.at);
  }
}

void Hostile::leave() {
  is_here_ = false;
  const auto talks = talks_;
  talks_.clear();
  for (const auto& [link, talk] : talks) world_.network.close(link, LinkCode::goodbye, "");
  world_.network.on_party_gone(*this);
}

void Hostile::on_link_opened(LinkId link, const LinkFacts& facts) {
  std::string kind = "relayed";  // somebody was led here: its HELLO may be good for something
  if (facts.dial) kind = dials_.extract(*facts.dial).mapped();
  Talk& talk = talks_.emplace(link, Talk{kind, facts.dial ? Role::client : Role::server, facts.exporter}).first->second;
  begin(link, talk);
}

void Hostile::begin(LinkId link, Talk& talk) {
  if (talk.kind == "silent") return;
  if (talk.kind == "honest") return say_own_hello(link, talk, {own_name()});
  if (talk.kind == "forged" && world_.rng.below(2) == 0) return say_own_hello(link, talk, {own_name(), any_name()});
  if (talk.kind == "malformed" && world_.rng.below(2) == 0) return say_malformed(link, talk);
  if (talk.kind == "oversized" && world_.rng.below(2) == 0) return say_oversized(link, talk);
  if (talk.kind == "replayed" || talk.kind == "relayed") {
    const auto& overheard = world_.network.overheard();
    if (overheard.empty()) return;
    Bytes said = overheard[world_.rng.below(overheard.size())];
    const auto read = peer::decode(said);
    if (!read || !std::holds_alternative<peer::Hello>(*read)) return;
    if (world_.rng.below(2) == 0) {
      // A record of our own, and somebody's binding.
      auto mine = std::get<peer::Hello>(*peer::decode(hello(talk, {own_name()})));
      mine.binding = std::get<peer::Hello>(*read).binding;
      said = peer::encode(mine);
    } else if (world_.rng.below(4) == 0) {
      said = hello({talk.kind, other(talk.role), talk.exporter}, {own_name()});  // as if we were the other side
    }
    return offend(link, std::move(said));
  }
  say_own_hello(link, talk, {own_name()});
}

void Hostile::say_own_hello(LinkId link, const Talk& talk, std::vector<NodeName> names) {
  if (auto* connection = world_.network.connection_of(link)) connection->has_own_hello = true;
  say(link, hello(talk, std::move(names)));
  if (talk.kind == "flood" && world_.rng.below(2) == 0) flood(link);  // while its names are looked up
}

void Hostile::on_link_message(LinkId link, LinkStream, const Bytes& message) {
  const auto found = talks_.find(link);
  const auto decoded = peer::decode(message);
  if (found == talks_.end() || !decoded) return;
  if (const auto* said = std::get_if<peer::Membership>(&*decoded); said != nullptr && is_of_a_member(found->second.kind))
    return on_member_message(link, found->second, *said);
  if (!std::holds_alternative<peer::Hello>(*decoded) || found->second.is_answered) return;
  found->second.is_answered = true;
  world_.queue.after(200ms + world_.draw(500ms), [this, link, kind = found->second.kind] {
    if (talks_.contains(link)) go_on(link, kind);
  });
}

void Hostile::go_on(LinkId link, const std::string& kind) {
  const Talk talk = talks_.at(link);
  const auto* connection = world_.network.connection_of(link);
  if (connection == nullptr) return;
  const std::uint64_t own_channel = talk.role == Role::client ? 1000 : 1001;
  if (kind == "honest") return say(link, peer::encode(peer::ChannelOpen{own_channel, own_name(), any_name(), {}}));
  if (kind == "flood") return flood(link);
  if (is_of_a_member(kind)) return act_as_member(link);
  if (kind == "names") {
    std::vector<NodeName> names;
    for (std::size_t i = 0; i < 16; ++i)
      names.push_back(NodeName::parse("n" + std::to_string(world_.rng.below(1'000'000)) + "@y" + std::to_string(world_.rng.below(100'000))).value());
    say(link, peer::encode(peer::RecordUpdate{record(std::move(names), ++last_number_)}));
    if (world_.rng.below(4) != 0)
      world_.queue.after(1s + world_.draw(3s), [this, link] { if (talks_.contains(link)) go_on(link, "names"); });
    return;
  }
  if (kind == "malformed") return say_malformed(link, talk);
  if (kind == "oversized") return say_oversized(link, talk);
  if (kind != "forged") return;
  say(link, peer::encode(peer::ChannelOpen{own_channel, any_name(), any_name(), {}}));  // in another's name
  say(link, peer::encode(peer::ChannelOpened{own_channel + 1, {}}));
  say(link, peer::encode(peer::ChannelRefused{own_channel + 1, RefuseCode::moved, "\x1b[2J\n"}));
  say(link, peer::encode(peer::ChannelCancel{own_channel + 7}));
  switch (world_.rng.below(4)) {
    case 0: return offend(link, peer::encode(peer::ChannelOpen{own_channel + 1, own_name(), any_name(), {}}));  // a number of theirs
    case 1: return offend(link, peer::encode(peer::ChannelOpen{own_channel - 2, own_name(), any_name(), {}}));  // used up
    case 2: return offend(link, hello(talk, {own_name()}));                                                     // a second HELLO
    default: {
      return offend(link, peer::encode(peer::RecordUpdate{sign_record({.cluster = "other", .names = {}, .epoch = 5, .number = ++last_number_,
          .addresses = {}, .capabilities = {}, .issued = wall(), .expires = wall() + 1h}, signing_)}));
    }
  }
}

void Hostile::say_malformed(LinkId link, const Talk& talk) {
  Bytes message = hello(talk, {own_name()});
  switch (world_.rng.below(3)) {
    case 0: message.resize(1 + world_.rng.below(message.size() - 1)); break;
    case 1: message[world_.rng.below(message.size())] ^= static_cast<std::byte>(1 << world_.rng.below(8)); break;
    default: for (std::byte& each : message) each = static_cast<std::byte>(world_.rng.next());
  }
  const auto decoded = peer::decode(message);
  const bool must_end = !decoded && decoded.error() != peer::MessageError::unknown_message;
  // What is left may still be our own HELLO, good or not.
  if (auto* connection = world_.network.connection_of(link)) connection->has_own_hello = true;
  must_end ? offend(link, std::move(message)) : say(link, std::move(message));
}

void Hostile::say_oversized(LinkId link, const Talk& talk) {
  Bytes record_bytes(limits::record_bytes_max + 1);
  switch (world_.rng.below(3)) {
    case 0: return offend(link, peer::encode(peer::RecordUpdate{std::move(record_bytes)}));
    case 1: return offend(link, Bytes(limits::peer_message_bytes_max));
    default: {
      std::vector<NodeName> names;
      for (std::size_t i = 0; i <= limits::names_per_record_max; ++i) names.push_back(NodeName::parse("n" + std::to_string(i) + "@z").value());
      return offend(link, peer::encode(peer::Hello{.version = 1, .cluster = "sim", .record = record(std::move(names)),
                                                   .binding = std::get<peer::Hello>(*peer::decode(hello(talk, {}))).binding}));
    }
  }
}

void Hostile::flood(LinkId link) {
  const std::uint64_t first = talks_.at(link).role == Role::client ? 2000 : 2001;
  for (std::uint64_t i = 0; i < 400; ++i) say(link, peer::encode(peer::ChannelOpen{first + 2 * i, own_name(), any_name(), {}}));
  for (std::uint64_t i = 0; i < 50; ++i) say(link, peer::encode(peer::RecordUpdate{record({own_name()}, ++last_number_)}));
}

void Hostile::say(LinkId link, Bytes message) { world_.network.send(link, LinkStream::link, std::move(message)); }

void Hostile::offend(LinkId link, Bytes message) {
  Network::End* victim = nullptr;
  if (world_.network.connection_of(link, nullptr, &victim) == nullptr) return;
  if (!victim->party->is_hostile()) world_.checks.on_offence(static_cast<const Host&>(*victim->party), victim->link, message);
  say(link, std::move(message));
}

}  // namespace bp2p::sim
