#include "proto/trust/admission.h"

#include <gtest/gtest.h>

#include "daemon/crypto.h"

namespace bp2p {
namespace {

struct AHello : testing::Test {
  AHello() {
    init_crypto();
    exporter.bytes.fill(std::byte{1});
    another.bytes.fill(std::byte{2});
  }
  const KeyPair keys = KeyPair::generate(), own_keys = KeyPair::generate();
  const SodiumSigning peer{keys}, own{own_keys};
  const WallTime now{1'800'000'000'000};
  Exporter exporter, another;

  peer::Hello hello(std::string_view cluster = "default") const {
    return make_hello(Role::client, exporter, cluster,
                      sign_record({.cluster = "default", .names = {}, .epoch = 1, .number = 1, .addresses = {}, .capabilities = {},
                                   .issued = now, .expires = now + std::chrono::hours{1}},
                                  peer),
                      peer);
  }
  HelloRules rules() const { return {peer.own_key(), Role::client, exporter, "default", now}; }
  std::optional<LinkCode> refusal(const peer::Hello& said, const HelloRules& by) const {
    const auto checked = check_hello(said, by, own);
    return checked ? std::nullopt : std::optional{checked.error().code};
  }
};

TEST_F(AHello, OfThisConnectionAndRoleIsGood) { EXPECT_EQ(refusal(hello(), rules()), std::nullopt); }

TEST_F(AHello, OfAnotherConnectionOrRoleOrKeyIsNot) {  // I4
  HelloRules changed = rules();
  changed.exporter = another;
  EXPECT_EQ(refusal(hello(), changed), LinkCode::bad_binding);
  changed = rules();
  changed.peer_role = Role::server;
  EXPECT_EQ(refusal(hello(), changed), LinkCode::bad_binding);
  changed = rules();
  changed.peer_key.bytes[0] ^= std::byte{1};
  EXPECT_EQ(refusal(hello(), changed), LinkCode::bad_record);
  changed = rules();
  changed.peer_key = own.own_key();
  EXPECT_EQ(refusal(hello(), changed), LinkCode::self);
}

TEST_F(AHello, OfAnotherVersionOrClusterIsNot) {
  peer::Hello future = hello();
  future.version = 2;
  EXPECT_EQ(refusal(future, rules()), LinkCode::unsupported_version);
  EXPECT_EQ(refusal(hello("other"), rules()), LinkCode::wrong_cluster);
}

TEST_F(AHello, WithAChangedBindingIsNot) {
  for (std::size_t i = 0; i < Signature::size; ++i) {
    peer::Hello changed = hello();
    changed.binding.bytes[i] ^= std::byte{0x10};
    EXPECT_EQ(refusal(changed, rules()), LinkCode::bad_binding);
  }
}

}  // namespace
}  // namespace bp2p
