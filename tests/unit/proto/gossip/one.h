// One Plumtree, played against: inputs at a time we choose, and what it did since the last look.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "proto/gossip/plumtree.h"
#include "tests/unit/proto/gossip/fakes.h"

namespace bp2p::gossip::test {

using namespace std::chrono_literals;

inline const PublicKey us = key_of(100), a = key_of(1), b = key_of(2), c = key_of(3), d = key_of(4);
inline const OriginId ours{us, 7};
inline const OriginId origin{key_of(50), 3};

struct One {
  explicit One(Config config = {})
      : tree(config, ours, [counts = verifications](const OriginId& of, std::uint64_t number, ByteView payload) {
          ++*counts;
          return is_genuine(of, number, payload);
        }) {}

  /// A peer whose Summary is empty: from here on we are no newcomer.
  void meet(std::initializer_list<PublicKey> peers) {
    for (const PublicKey& peer : peers) {
      tree.on_peer_up(peer, now, out);
      says(peer, Summary{});
    }
    out.clear();
  }
  void says(const PublicKey& peer, const Message& message) { tree.on_message(peer, message, now, out); }
  void pushes(const PublicKey& peer, std::uint64_t number, const OriginId& of = origin, std::size_t bytes = 200) {
    says(peer, Gossip{of, number, number, payload_of(of, number, bytes)});
  }
  void announces(const PublicKey& peer, std::uint64_t first, std::uint64_t last, const OriginId& of = origin) {
    says(peer, IHave{{{of, first, last}}});
  }
  /// Gives it every deadline until then.
  void wait(Duration duration) {
    const TimePoint until = now + duration;
    for (int i = 0; i < 100'000 && tree.next_deadline() <= until; ++i) {
      now = std::max(now, tree.next_deadline());
      tree.on_time(now, out);
    }
    now = until;
  }
  /// What was sent of a kind, to whom; what was done is forgotten.
  template <class M>
  std::vector<std::pair<PublicKey, M>> sent() {
    std::vector<std::pair<PublicKey, M>> found;
    for (const Effect& effect : out)
      if (const auto* send = std::get_if<Send>(&effect))
        if (const auto* message = std::get_if<M>(&send->message)) found.emplace_back(send->to, *message);
    return found;
  }
  template <class M>
  std::vector<PublicKey> sent_to() {
    std::vector<PublicKey> found;
    for (const auto& [to, message] : sent<M>()) found.push_back(to);
    return found;
  }
  std::vector<std::uint64_t> delivered() const {
    std::vector<std::uint64_t> found;
    for (const Effect& effect : out)
      if (const auto* deliver = std::get_if<Deliver>(&effect)) found.push_back(deliver->number);
    return found;
  }
  template <class E>
  std::vector<E> all() const {
    std::vector<E> found;
    for (const Effect& effect : out)
      if (const auto* e = std::get_if<E>(&effect)) found.push_back(*e);
    return found;
  }
  std::vector<Misdeed> misdeeds() const {
    std::vector<Misdeed> found;
    for (const Misbehaved& m : all<Misbehaved>()) found.push_back(m.what);
    return found;
  }

  std::shared_ptr<int> verifications = std::make_shared<int>(0);
  TimePoint now = TimePoint{} + 1h;
  Effects out;
  Plumtree tree;
};

}  // namespace bp2p::gossip::test
