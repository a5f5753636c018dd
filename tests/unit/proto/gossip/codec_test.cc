#include "proto/gossip/codec.h"

#include <gtest/gtest.h>

#include "proto/base/rng.h"

namespace bp2p::gossip {
namespace {

OriginId origin(std::uint8_t number) {
  OriginId out;
  out.key.bytes.fill(static_cast<std::byte>(number));
  out.epoch = number * 1'000'000'000'000ULL;
  return out;
}
template <class Kind>
Kind round_trip(const Kind& message) {
  const auto decoded = decode(encode(message));
  EXPECT_TRUE(decoded.has_value());
  return std::get<Kind>(*decoded);
}

TEST(GossipMessages, AreReadAsTheyAreWritten) {
  const Bytes text{std::byte{1}, std::byte{0}, std::byte{255}};
  const auto gossip = round_trip(Gossip{origin(1), 9, 8, std::make_shared<const Bytes>(text)});
  EXPECT_EQ(gossip.origin, origin(1));
  EXPECT_EQ(gossip.number, 9u);
  EXPECT_EQ(gossip.contiguous, 8u);
  EXPECT_EQ(*gossip.payload, text);
  const std::vector<Holding> holdings{{origin(2), 1, 5}, {origin(3), 6, 5}};
  EXPECT_EQ(round_trip(IHave{holdings}).holdings, holdings);
  EXPECT_EQ(round_trip(Summary{holdings, false}).holdings, holdings);
  EXPECT_FALSE(round_trip(Summary{{}, false}).complete);
  EXPECT_TRUE(round_trip(Summary{{}, true}).complete);
  const auto graft = round_trip(Graft{origin(4), {{1, 2}, {5, number_max}}});
  EXPECT_EQ(graft.origin, origin(4));
  EXPECT_EQ(graft.ranges, (std::vector<Range>{{1, 2}, {5, number_max}}));
  EXPECT_EQ(round_trip(Grafted{{origin(5), 1, 2}}).holding, (Holding{origin(5), 1, 2}));
  EXPECT_EQ(round_trip(Prune{origin(6)}).origin, origin(6));
}

TEST(GossipMessages, HaveBoundedLists) {
  std::vector<Holding> many(holdings_per_message_max, Holding{origin(1), 1, 1});
  EXPECT_TRUE(decode(encode(IHave{many})).has_value());
  many.emplace_back(origin(1), 1, 1);
  EXPECT_EQ(decode(encode(IHave{many})).error(), DecodeError::too_many);
  EXPECT_EQ(decode(encode(Graft{origin(1), std::vector<Range>(ranges_per_graft_max + 1)})).error(), DecodeError::too_many);
}

TEST(GossipMessages, ThatAreNoneAreRefused) {
  EXPECT_EQ(decode({}).error(), DecodeError::unknown_message);
  EXPECT_EQ(decode(Bytes(5, std::byte{0xff})).error(), DecodeError::malformed);
  EXPECT_EQ(decode(Bytes{std::byte{0x32}, std::byte{0}}).error(), DecodeError::bad_key) << "a PRUNE of nobody";
  Rng rng{1};
  for (int i = 0; i < 20'000; ++i) {
    Bytes noise(rng.below(40));
    for (std::byte& each : noise) each = static_cast<std::byte>(rng.next());
    (void)decode(noise);
  }
}

}  // namespace
}  // namespace bp2p::gossip
