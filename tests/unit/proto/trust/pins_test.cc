#include "proto/trust/pins.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/fake_crypto.h"

namespace bp2p {
namespace {

using Why = PinRefusal::Why;
using namespace std::chrono_literals;

const PublicKey key = test::key_of(1), another = test::key_of(2);
const std::vector<NodeName> two{*NodeName::parse("a@h"), *NodeName::parse("b@h")};
const PinRead none{std::nullopt}, ours{key}, theirs{another}, torn{std::unexpected{PinError::unreadable}},
    gone{std::unexpected{PinError::missing_of_record}};

auto decide(Trust trust, std::vector<PinRead> reads, std::size_t left = 32) { return decide_pins(trust, key, two, reads, left); }

TEST(Pins, OfThisKeyProveTheName) {
  for (const Trust trust : {Trust::tofu, Trust::strict}) {
    const auto decision = decide(trust, {ours, ours});
    ASSERT_TRUE(decision.has_value());
    EXPECT_EQ(decision->proven, two);
    EXPECT_TRUE(decision->to_store.empty() && decision->unproven.empty());
  }
}

TEST(Pins, AreMadeOnFirstContactByTofuAlone) {
  const auto tofu = decide(Trust::tofu, {ours, none});
  ASSERT_TRUE(tofu.has_value());
  EXPECT_EQ(tofu->to_store, std::vector{two[1]});
  const auto strict = decide(Trust::strict, {ours, none});
  ASSERT_TRUE(strict.has_value());
  EXPECT_EQ(strict->unproven, std::vector{two[1]});
  EXPECT_TRUE(strict->to_store.empty());
  EXPECT_EQ(decide(Trust::strict, {none, none}).error().why, Why::no_pin);
}

TEST(Pins, OfAnotherKeyRefuseWhateverTheOtherNamesSay) {
  for (const Trust trust : {Trust::tofu, Trust::strict}) {
    const auto decision = decide(trust, {ours, theirs});
    ASSERT_FALSE(decision.has_value());
    EXPECT_EQ(decision.error().why, Why::other_key);
    EXPECT_EQ(decision.error().name, two[1]);
    EXPECT_EQ(decision.error().pinned, another);
  }
}

TEST(Pins, ThatCannotBeReadRefuse) {
  for (const Trust trust : {Trust::tofu, Trust::strict}) {
    EXPECT_EQ(decide(trust, {ours, torn}).error().why, Why::unreadable);
    EXPECT_EQ(decide(trust, {gone, ours}).error().why, Why::missing_of_record);
  }
}

TEST(Pins, BeyondTheHoursFirstContactsAreNotMade) {
  EXPECT_EQ(decide(Trust::tofu, {none, none}, 1)->unproven, std::vector{two[1]});
  EXPECT_EQ(decide(Trust::tofu, {none, none}, 0).error().why, Why::too_many);
  EXPECT_EQ(decide(Trust::tofu, {ours, none}, 0)->proven, std::vector{two[0]});
}

TEST(Pins, OfAPeerWithoutNamesAreNotNeededByTofu) {
  EXPECT_TRUE(decide_pins(Trust::tofu, key, {}, {}, 0).has_value());
  EXPECT_EQ(decide_pins(Trust::strict, key, {}, {}, 32).error().why, Why::no_pin);
}

TEST(NewPinsOfAnHour, ComeBackOneByOne) {
  NewPins pins{2};
  const TimePoint start{100s};
  pins.count(1, start);
  pins.count(1, start + 30min);
  EXPECT_EQ(pins.left(start + 59min), 0u);
  EXPECT_EQ(pins.left(start + 60min), 1u);
  EXPECT_EQ(pins.left(start + 90min), 2u);
}

}  // namespace
}  // namespace bp2p
