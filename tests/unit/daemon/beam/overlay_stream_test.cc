// What the overlay says on a link, over real links on loopback.
#include "tests/unit/daemon/beam/road.h"

namespace bp2p::test {
namespace {

Bytes message_of(std::size_t number, std::size_t size) {
  Bytes message(size);
  store_be(message.data(), static_cast<std::uint64_t>(number));
  return message;
}

TEST(TheOverlayStream, CarriesManyTimesItsWindowInSmallMessages) {
  Road road{{}, {.stream_window = 256 * 1024}};
  constexpr std::size_t messages = 20'000, size = 100;
  std::size_t said = 0;
  ASSERT_TRUE(road.run_until([&] {
    for (int i = 0; i < 500 && said < messages; ++i) road.a.links.send_on_overlay(*road.a.link, message_of(said++, size));
    return road.b.overlay_messages.size() == messages;
  })) << road.b.overlay_messages.size();
  for (std::size_t i = 0; i < messages; ++i) ASSERT_EQ(road.b.overlay_messages[i], message_of(i, size)) << i;
  EXPECT_FALSE(road.a.closed || road.b.closed);
}

TEST(TheOverlayStream, CarriesMessagesOfTheLargestKindBothWaysAtOnce) {
  Road road{{}, {.stream_window = 256 * 1024}};
  for (std::size_t i = 0; i < 6; ++i) {
    road.a.links.send_on_overlay(*road.a.link, message_of(i, 1'000'000));
    road.b.links.send_on_overlay(*road.b.link, message_of(i, 1'000'000));
  }
  EXPECT_TRUE(road.run_until([&] { return road.a.overlay_messages.size() == 6 && road.b.overlay_messages.size() == 6; }));
}

TEST(TheOverlayStream, ThatThePeerDoesNotTakeIsNotThePeersMistake) {
  Road road;
  for (std::size_t i = 0; i < 9; ++i) road.a.links.send_on_overlay(*road.a.link, message_of(i, 1'000'000));
  ASSERT_TRUE(road.run_until([&] { return road.a.closed.has_value(); }));
  EXPECT_NE(road.a.closed->find("does not take"), std::string::npos) << *road.a.closed;
}

}  // namespace
}  // namespace bp2p::test
