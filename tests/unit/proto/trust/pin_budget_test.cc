#include "proto/trust/pin_budget.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/fake_crypto.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;

const PublicKey key = test::key_of(1), another = test::key_of(2);
constexpr TimePoint start{100s};
constexpr auto first_contact = PinKind::first_contact, further_name = PinKind::further_name;

PinRoom plenty() {
  return {.first_contacts = 9, .further_names_of_key = 9, .further_names = 9, .files_of_key = 9, .files = 9,
          .files_for_further_names = 9};
}

TEST(HourlyBudget, ComesBackOneByOne) {
  HourlyBudget budget{2};
  budget.count(1, start);
  budget.count(1, start + 30min);
  EXPECT_EQ(budget.left(start + 59min), 0u);
  EXPECT_EQ(budget.left(start + 60min), 1u);
  EXPECT_EQ(budget.left(start + 90min), 2u);
}

TEST(PinRoom, EndsWithTheLimitThatIsReachedFirst) {
  const auto with = [](std::size_t PinRoom::* bound) {
    PinRoom room = plenty();
    room.*bound = 0;
    return room;
  };
  EXPECT_EQ(plenty().take(first_contact), std::nullopt);
  EXPECT_EQ(plenty().take(further_name), std::nullopt);
  EXPECT_EQ(with(&PinRoom::first_contacts).take(first_contact), PinLimit::first_contacts_per_hour);
  EXPECT_EQ(with(&PinRoom::first_contacts).take(further_name), std::nullopt);
  EXPECT_EQ(with(&PinRoom::further_names_of_key).take(further_name), PinLimit::further_names_per_hour_of_key);
  EXPECT_EQ(with(&PinRoom::further_names_of_key).take(first_contact), std::nullopt);
  EXPECT_EQ(with(&PinRoom::further_names).take(further_name), PinLimit::further_names_per_hour);
  EXPECT_EQ(with(&PinRoom::files_for_further_names).take(further_name), PinLimit::pins_for_further_names);
  EXPECT_EQ(with(&PinRoom::files_for_further_names).take(first_contact), std::nullopt);
  for (const PinKind kind : {first_contact, further_name}) {
    EXPECT_EQ(with(&PinRoom::files_of_key).take(kind), PinLimit::pins_of_key);
    EXPECT_EQ(with(&PinRoom::files).take(kind), PinLimit::pins);
  }
}

TEST(PinRoom, IsSmallerByWhatWasTaken) {
  PinRoom room = plenty();
  for (int i = 0; i < 9; ++i) EXPECT_EQ(room.take(i % 2 == 0 ? first_contact : further_name), std::nullopt);
  EXPECT_EQ(room.first_contacts, 4u);
  EXPECT_EQ(room.further_names_of_key, 5u);
  EXPECT_EQ(room.further_names, 5u);
  EXPECT_EQ(room.files, 0u);
  EXPECT_EQ(room.take(first_contact), PinLimit::pins);
}

TEST(PinBudget, OfAnHourIsOfAllKeysForFirstContactsAndOfEachForFurtherNames) {
  PinBudget budget{{.first_contacts_per_hour = 3, .further_names_per_hour_of_key = 5, .further_names_per_hour = 7}};
  budget.count(key, 1, 4, start);
  const PinRoom own = budget.room(key, 0, 0, start), others = budget.room(another, 0, 0, start);
  EXPECT_EQ(own.first_contacts, 2u);
  EXPECT_EQ(others.first_contacts, 2u);
  EXPECT_EQ(own.further_names_of_key, 1u);
  EXPECT_EQ(others.further_names_of_key, 5u);
  EXPECT_EQ(own.further_names, 3u);
  EXPECT_EQ(others.further_names, 3u);
  budget.count(another, 0, 3, start + 30min);
  EXPECT_EQ(budget.room(key, 0, 0, start + 30min).further_names, 0u);
  const PinRoom later = budget.room(key, 0, 0, start + 60min);
  EXPECT_EQ(later.first_contacts, 3u);
  EXPECT_EQ(later.further_names_of_key, 5u);
  EXPECT_EQ(later.further_names, 4u);
}

TEST(PinBudget, OnDiskIsOfEachKeyAndOfAllAndKeepsSomeForFirstContacts) {
  PinBudget budget{{.pins_of_key = 10, .pins = 100, .pins_kept_for_first_contacts = 20}};
  const PinRoom room = budget.room(key, 7, 75, start);
  EXPECT_EQ(room.files_of_key, 3u);
  EXPECT_EQ(room.files, 25u);
  EXPECT_EQ(room.files_for_further_names, 5u);
  const PinRoom full = budget.room(key, 11, 101, start);  // an operator may pin more
  EXPECT_EQ(full.files_of_key, 0u);
  EXPECT_EQ(full.files, 0u);
  EXPECT_EQ(full.files_for_further_names, 0u);
}

TEST(PinLimits, AreThoseOfTheSecurityDesign) {
  const PinLimits defaults;
  EXPECT_EQ(describe(PinLimit::first_contacts_per_hour, defaults), "32 first contacts an hour");
  EXPECT_EQ(describe(PinLimit::further_names_per_hour_of_key, defaults), "128 further names of one key an hour");
  EXPECT_EQ(describe(PinLimit::further_names_per_hour, defaults), "512 further names of all keys an hour");
  EXPECT_EQ(describe(PinLimit::pins_of_key, defaults), "1024 pins of one key");
  EXPECT_EQ(describe(PinLimit::pins, defaults), "16384 pins");
  EXPECT_EQ(describe(PinLimit::pins_for_further_names, defaults), "12288 pins (4096 more are kept for first contacts)");
}

}  // namespace
}  // namespace bp2p
