#include "proto/membership/codec.h"

#include <gtest/gtest.h>

#include "proto/base/rng.h"
#include "proto/wire/limits.h"

namespace bp2p::membership {
namespace {

/// A record here is one byte: the key. 200 and more are forged, 100 and more outdated.
ContactPtr contact(std::uint8_t number) {
  Contact made;
  made.key.bytes.fill(static_cast<std::byte>(number));
  made.record = std::make_shared<const Bytes>(Bytes{static_cast<std::byte>(number)});
  return std::make_shared<const Contact>(std::move(made));
}
std::expected<ContactPtr, RecordFault> read(ByteView record) {
  if (record.size() != 1 || record[0] >= std::byte{200}) return std::unexpected{RecordFault::forged};
  if (record[0] >= std::byte{100}) return std::unexpected{RecordFault::outdated};
  return contact(static_cast<std::uint8_t>(record[0]));
}
template <class Kind>
Kind round_trip(const Kind& message) {
  const auto decoded = decode(encode(message), read);
  EXPECT_TRUE(decoded.has_value());
  return std::get<Kind>(*decoded);
}
std::vector<int> keys(const Contacts& contacts) {
  std::vector<int> out;
  for (const ContactPtr& each : contacts) out.push_back(static_cast<int>(each->key.bytes[0]));
  return out;
}

TEST(MembershipMessages, AreReadAsTheyAreWritten) {
  round_trip(Join{});
  round_trip(KeepAlive{});
  const auto walk = round_trip(ForwardJoin{contact(1), 6});
  EXPECT_EQ(walk.newcomer->key, contact(1)->key);
  EXPECT_EQ(walk.ttl, 6);
  EXPECT_EQ(round_trip(Neighbor{Priority::high}).priority, Priority::high);
  EXPECT_EQ(round_trip(Neighbor{Priority::low}).priority, Priority::low);
  EXPECT_TRUE(round_trip(NeighborReply{true}).accepted);
  EXPECT_FALSE(round_trip(NeighborReply{false}).accepted);
  const auto goodbye = round_trip(Disconnect{true, {contact(2), contact(3)}});
  EXPECT_TRUE(goodbye.leaving);
  EXPECT_EQ(keys(goodbye.candidates), (std::vector{2, 3}));
  const auto shuffle = round_trip(Shuffle{contact(4), 3, true, {contact(5), contact(6)}});
  EXPECT_EQ(shuffle.origin->key, contact(4)->key);
  EXPECT_EQ(shuffle.ttl, 3);
  EXPECT_TRUE(shuffle.has_room);
  EXPECT_EQ(keys(shuffle.sample), (std::vector{5, 6}));
  EXPECT_EQ(keys(round_trip(ShuffleReply{{contact(7)}}).sample), std::vector{7});
  EXPECT_EQ(round_trip(SwapRequest{contact(8)}).offered->key, contact(8)->key);
  EXPECT_EQ(round_trip(SwapReply{contact(9)}).partner->key, contact(9)->key);
  EXPECT_EQ(round_trip(SwapReply{}).partner, nullptr);
  EXPECT_EQ(round_trip(Handover{contact(10)}).partner->key, contact(10)->key);
}

TEST(MembershipMessages, WithAForgedRecordAreRefusedAsAWhole) {
  EXPECT_EQ(decode(encode(Shuffle{contact(1), 3, false, {contact(2), contact(200)}}), read).error(), DecodeError::forged_record);
  EXPECT_EQ(decode(encode(ForwardJoin{contact(255), 3}), read).error(), DecodeError::forged_record);
  EXPECT_EQ(decode(encode(Shuffle{contact(100), 3, false, {contact(200)}}), read).error(), DecodeError::forged_record);
}

TEST(MembershipMessages, LeaveOutdatedRecordsOutOfListsAndMeanNothingAboutOne) {
  EXPECT_EQ(keys(std::get<ShuffleReply>(*decode(encode(ShuffleReply{{contact(1), contact(100), contact(2)}}), read)).sample),
            (std::vector{1, 2}));
  EXPECT_EQ(decode(encode(Handover{contact(100)}), read).error(), DecodeError::outdated_record);
}

TEST(MembershipMessages, HaveListsOfSixteenAtMost) {
  Contacts many(limits::contacts_per_message_max, contact(1));
  EXPECT_TRUE(decode(encode(ShuffleReply{many}), read).has_value());
  many.push_back(contact(1));
  EXPECT_EQ(decode(encode(ShuffleReply{many}), read).error(), DecodeError::too_many_contacts);
}

TEST(MembershipMessages, ThatAreNoneAreRefused) {
  EXPECT_EQ(decode({}, read).error(), DecodeError::unknown_message);
  EXPECT_EQ(decode(Bytes(5, std::byte{0xff}), read).error(), DecodeError::malformed);
  Rng rng{1};
  for (int i = 0; i < 20'000; ++i) {  // I20: no input does more than be refused
    Bytes noise(rng.below(40));
    for (std::byte& each : noise) each = static_cast<std::byte>(rng.next());
    (void)decode(noise, read);
  }
}

}  // namespace
}  // namespace bp2p::membership
