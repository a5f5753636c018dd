#include "proto/wire/peer_messages.h"

#include <gtest/gtest.h>

#include "proto/wire/limits.h"

namespace bp2p {
namespace {

using peer::MessageError;

NodeName name(std::string_view text) { return NodeName::parse(text).value(); }

peer::RecordBody body() {
  return {.cluster = "default", .names = {name("a@h"), name("b@h")}, .epoch = 7, .number = 3,
          .addresses = {*Address::parse("10.0.0.6:9100"), *Address::parse("[2001:db8::7]:9100")},
          .capabilities = {"x"}, .issued = WallTime{1'800'000'000'000}, .expires = WallTime{1'800'000'100'000}};
}

TEST(PeerMessages, AreReadAsTheyAreWritten) {
  Signature binding;
  binding.bytes.fill(std::byte{9});
  const auto hello = std::get<peer::Hello>(*peer::decode(peer::encode(peer::Hello{1, "c", Bytes(100), binding})));
  EXPECT_EQ(hello.version, 1u);
  EXPECT_EQ(hello.cluster, "c");
  EXPECT_EQ(hello.record.size(), 100u);
  EXPECT_EQ(hello.binding, binding);
  const auto open = std::get<peer::ChannelOpen>(*peer::decode(peer::encode(peer::ChannelOpen{~0ULL, std::nullopt, name("b@h"), Bytes(3)})));
  EXPECT_EQ(open.channel, ~0ULL);
  EXPECT_FALSE(open.from.has_value());
  EXPECT_EQ(open.to, name("b@h"));
  EXPECT_EQ(open.record.size(), 3u);
  EXPECT_EQ(std::get<peer::ChannelOpened>(*peer::decode(peer::encode(peer::ChannelOpened{4, {}}))).channel, 4u);
  const auto refused = std::get<peer::ChannelRefused>(*peer::decode(peer::encode(peer::ChannelRefused{5, RefuseCode::moved, "t"})));
  EXPECT_EQ(refused.code, RefuseCode::moved);
  EXPECT_EQ(refused.text, "t");
  EXPECT_EQ(std::get<peer::ChannelCancel>(*peer::decode(peer::encode(peer::ChannelCancel{6}))).channel, 6u);
  EXPECT_EQ(std::get<peer::ChannelUnused>(*peer::decode(peer::encode(peer::ChannelUnused{8}))).channel, 8u);
  EXPECT_EQ(std::get<peer::RecordUpdate>(*peer::decode(peer::encode(peer::RecordUpdate{Bytes(9)}))).record.size(), 9u);
  EXPECT_TRUE(std::holds_alternative<peer::ViewAsked>(*peer::decode(peer::encode(peer::ViewAsked{}))));
  EXPECT_EQ(std::get<peer::View>(*peer::decode(peer::encode(peer::View{{Bytes(7), Bytes(8)}}))).records, (std::vector{Bytes(7), Bytes(8)}));
}

TEST(PeerMessages, ThatAreNoneAreRefusedWithoutALineOnStderr) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(peer::decode(Bytes(5, std::byte{0xff})).error(), MessageError::malformed);
  EXPECT_EQ(peer::decode({}).error(), MessageError::unknown_message);
  const Bytes not_utf8{std::byte{0x0a}, std::byte{3}, std::byte{0x12}, std::byte{1}, std::byte{0xff}};  // Hello{cluster}
  EXPECT_EQ(peer::decode(not_utf8).error(), MessageError::malformed);
  EXPECT_EQ(peer::decode(Bytes(limits::peer_message_bytes_max + 1)).error(), MessageError::too_large);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "a stranger could fill the log";
}

TEST(PeerMessages, BoundWhatTheyCarry) {
  Bytes hello = peer::encode(peer::Hello{1, "c", Bytes(limits::record_bytes_max + 1), {}});
  EXPECT_EQ(peer::decode(hello).error(), MessageError::record_too_large);
  hello = peer::encode(peer::Hello{1, std::string(256, 'c'), {}, {}});
  EXPECT_EQ(peer::decode(hello).error(), MessageError::bad_cluster);
  EXPECT_EQ(peer::decode(peer::encode(peer::View{{Bytes(limits::record_bytes_max + 1)}})).error(), MessageError::record_too_large);
}

TEST(ARecordBody, IsReadAsItIsWritten) { EXPECT_EQ(*peer::decode_record_body(peer::encode_record_body(body())), body()); }

TEST(ARecordBody, IsBounded) {
  const auto error_of = [](auto change) {
    peer::RecordBody changed = body();
    change(changed);
    const auto decoded = peer::decode_record_body(peer::encode_record_body(changed));
    return decoded ? std::nullopt : std::optional{decoded.error()};
  };
  EXPECT_EQ(error_of([](auto& b) { for (int i = 0; i < 62; ++i) b.names.push_back(name("n" + std::to_string(i) + "@h")); }), std::nullopt);
  EXPECT_EQ(error_of([](auto& b) { for (int i = 0; i < 63; ++i) b.names.push_back(name("n" + std::to_string(i) + "@h")); }),
            MessageError::too_many_names);
  EXPECT_EQ(error_of([](auto& b) { b.names.push_back(name("a@h")); }), MessageError::duplicate_name);
  EXPECT_EQ(error_of([](auto& b) { b.addresses.resize(17); }), MessageError::too_many_addresses);
  EXPECT_EQ(error_of([](auto& b) { b.capabilities.assign(33, "x"); }), MessageError::too_many_capabilities);
  EXPECT_EQ(error_of([](auto& b) { b.capabilities = {std::string(65, 'x')}; }), MessageError::bad_capability);
  EXPECT_EQ(error_of([](auto& b) { b.cluster = std::string(256, 'x'); }), MessageError::bad_cluster);
}

}  // namespace
}  // namespace bp2p
