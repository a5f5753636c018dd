#include "proto/trust/pins.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/fake_crypto.h"

namespace bp2p {
namespace {

using Why = PinRefusal::Why;

const PublicKey key = test::key_of(1), another = test::key_of(2);
const std::vector<NodeName> two{*NodeName::parse("a@h"), *NodeName::parse("b@h")};
const PinRead none{std::nullopt}, ours{key}, theirs{another}, torn{std::unexpected{PinError::unreadable}},
    gone{std::unexpected{PinError::missing_of_record}};

/// Room for so many pins of each kind, and on disk for plenty.
PinRoom room(std::size_t first_contacts, std::size_t further_names) {
  return {.first_contacts = first_contacts, .further_names_of_key = further_names, .further_names = 100,
          .files_of_key = 100, .files = 100, .files_for_further_names = 100};
}
auto decide(Trust trust, std::vector<PinRead> reads, PinRoom left = room(32, 32), std::vector<NodeName> of_key = {}) {
  return decide_pins(trust, key, two, {std::move(reads), std::move(of_key), 0}, left);
}

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

TEST(Pins, OfAnotherKeyCostAKeyThatProvesANameOnlyThatName) {  // or who takes one name of a host takes the host
  for (const Trust trust : {Trust::tofu, Trust::strict}) {
    const auto decision = decide(trust, {ours, theirs});
    ASSERT_TRUE(decision.has_value());
    EXPECT_EQ(decision->proven, std::vector{two[0]});
    EXPECT_TRUE(decision->to_store.empty() && decision->unproven.empty());
    ASSERT_EQ(decision->of_another.size(), 1u);
    EXPECT_EQ(decision->of_another[0].name, two[1]);
    EXPECT_EQ(decision->of_another[0].pinned, another);
    EXPECT_TRUE(decide_pins(trust, key, two, {{theirs, none}, {}, 0}, room(32, 32), true).has_value());
  }
}

TEST(Pins, OfAnotherKeyRefuseAKeyThatProvesNoName) {
  for (const Trust trust : {Trust::tofu, Trust::strict}) {
    const auto decision = decide(trust, {none, theirs});
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

TEST(Pins, OfAKeyNeverMetTakeOneFirstContactWhateverItsNamesAtTheHost) {
  const auto decision = decide(Trust::tofu, {none, none}, room(1, 1));
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->to_store, two);
  EXPECT_EQ(decision->first_contacts, 1u);
}

TEST(Pins, OfAKeyNeverMetAreNotMadeBeyondTheFirstContacts) {
  const auto decision = decide(Trust::tofu, {none, none}, room(0, 100));
  ASSERT_TRUE(decision.has_value()) << "it may be a member whose names can wait";
  EXPECT_TRUE(decision->proven.empty() && decision->to_store.empty());
  EXPECT_EQ(decision->unproven, two);
  EXPECT_EQ(decision->limit, PinLimit::first_contacts_per_hour);
}

TEST(Pins, OfAKeyThatIsKnownTakeNoFirstContacts) {
  const std::vector old{*NodeName::parse("old@h")};  // not claimed today
  const auto decision = decide(Trust::tofu, {none, none}, room(0, 2), old);
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->to_store, two);
  EXPECT_EQ(decision->first_contacts, 0u);
  EXPECT_EQ(decide(Trust::tofu, {ours, none}, room(0, 1))->to_store, std::vector{two[1]}) << "a pin read says it too";
}

TEST(Pins, OfAKeyThatIsKnownAtAnotherHostAreFirstContacts) {  // or a member could pin everybody's names first
  const std::vector elsewhere{*NodeName::parse("a@elsewhere")};
  const auto decision = decide(Trust::tofu, {none, none}, room(0, 100), elsewhere);
  ASSERT_TRUE(decision.has_value()) << "it is known, so its link is not refused";
  EXPECT_EQ(decision->unproven, two);
  EXPECT_EQ(decision->limit, PinLimit::first_contacts_per_hour);
  EXPECT_EQ(decide(Trust::tofu, {none, none}, room(1, 100), elsewhere)->first_contacts, 1u);
}

TEST(Pins, AtAHostWhereAnotherKeyHasOneAreFirstContactsEach) {
  const std::vector at_home{*NodeName::parse("old@h")};
  const auto decision = decide_pins(Trust::tofu, key, two, {{none, none}, at_home, 2, {"h"}}, room(1, 100));
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->to_store, std::vector{two[0]});
  EXPECT_EQ(decision->first_contacts, 1u);
  EXPECT_EQ(decision->unproven, std::vector{two[1]});
  EXPECT_EQ(decision->limit, PinLimit::first_contacts_per_hour);
  const auto read = decide(Trust::tofu, {none, theirs}, room(0, 100), at_home);
  EXPECT_FALSE(read.has_value()) << "none of the names claimed is proven";
}

TEST(Pins, BeyondTheFurtherNamesAreNotMade) {
  const auto decision = decide(Trust::tofu, {none, none}, room(1, 0));
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->to_store, std::vector{two[0]});
  EXPECT_EQ(decision->unproven, std::vector{two[1]});
  EXPECT_EQ(decision->limit, PinLimit::further_names_per_hour_of_key);
  EXPECT_EQ(decide(Trust::tofu, {ours, none}, room(0, 0))->proven, std::vector{two[0]});
}

TEST(Pins, OfAPeerWithoutNamesAreNotNeededByTofu) {
  EXPECT_TRUE(decide_pins(Trust::tofu, key, {}, {}, room(0, 0)).has_value());
  EXPECT_EQ(decide_pins(Trust::strict, key, {}, {}, room(32, 32)).error().why, Why::no_pin);
}

}  // namespace
}  // namespace bp2p
