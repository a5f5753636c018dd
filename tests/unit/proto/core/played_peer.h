// A peer that a test plays itself: it has a key, and says what it likes on links that it makes up.
#pragma once
#include "tests/unit/proto/core/world.h"

namespace bp2p::test {

inline Exporter exporter_of(std::uint8_t seed) {
  Exporter exporter;
  exporter.bytes.fill(static_cast<std::byte>(seed));
  return exporter;
}

struct PlayedPeer {
  explicit PlayedPeer(std::uint8_t seed) : signing(seed) {}

  peer::RecordBody body(std::vector<NodeName> names, WallTime now, std::uint64_t epoch = 5, std::uint64_t number = 1) const {
    return {.cluster = "default", .names = std::move(names), .epoch = epoch, .number = number, .addresses = {},
            .capabilities = {}, .issued = now, .expires = now + std::chrono::hours{24}};
  }
  Bytes record(std::vector<NodeName> names, WallTime now, std::uint64_t epoch = 5, std::uint64_t number = 1) const {
    return sign_record(body(std::move(names), now, epoch, number), signing);
  }
  /// TLS has proven our key to `to`, which sees us as the connection's client.
  LinkId connect(Daemon& to, std::string_view from, std::uint8_t exporter) const {
    const LinkId link{to.world.next_id()};
    to.with([&](Core& core, Now now, Effects& out) {
      core.on_link_opened(link, {signing.own_key(), address(from), exporter_of(exporter), std::nullopt}, now, out);
    });
    return link;
  }
  peer::Hello hello_of(std::uint8_t exporter, Bytes signed_record, Role role = Role::client) const {
    return make_hello(role, exporter_of(exporter), "default", std::move(signed_record), signing);
  }
  static void send(Daemon& to, LinkId link, const peer::Message& message) {
    to.with([&](Core& core, Now now, Effects& out) { core.on_link_message(link, peer::stream_of(message), peer::encode(message), now, out); });
  }
  /// As send, and lets the disk answer.
  static void say(Daemon& to, LinkId link, const peer::Message& message) {
    send(to, link, message);
    to.world.run();
  }
  void hello(Daemon& to, LinkId link, std::uint8_t exporter, std::vector<NodeName> names, std::uint64_t epoch = 5) const {
    say(to, link, hello_of(exporter, record(std::move(names), to.world.now.wall, epoch)));
  }
  FakeSigning signing;
};

/// The messages for the peer among the effects of the last input.
inline std::vector<peer::Message> sent_to(const Daemon& daemon, LinkId link) {
  std::vector<peer::Message> messages;
  for (const Effect& effect : daemon.last)
    if (const auto* send = std::get_if<SendToLink>(&effect); send != nullptr && send->link == link)
      messages.push_back(*peer::decode(send->message));
  return messages;
}
template <class Kind>
std::optional<Kind> one_sent_to(const Daemon& daemon, LinkId link) {
  for (const peer::Message& message : sent_to(daemon, link))
    if (const auto* found = std::get_if<Kind>(&message)) return *found;
  return std::nullopt;
}
template <class Kind>
std::size_t count(const Effects& effects) {
  return static_cast<std::size_t>(
      std::ranges::count_if(effects, [](const Effect& effect) { return std::holds_alternative<Kind>(effect); }));
}

}  // namespace bp2p::test
