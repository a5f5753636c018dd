#include "daemon/quic/send_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace bp2p::quic {
namespace {

Buffer::Ref filled(std::string_view text) {
  Buffer::Ref buffer = Buffer::make(Buffer::read_size);
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(buffer->data()));
  buffer->grow(text.size());
  return buffer;
}

std::string unsent(const SendQueue& queue) {
  std::array<ByteView, 16> spans;
  std::string out;
  const std::size_t count = queue.gather(spans);
  for (std::size_t i = 0; i < count; ++i) out += as_text(spans[i]);
  return out;
}

TEST(SendQueue, SendsWhatItWasGivenInOrder) {
  SendQueue queue;
  const Buffer::Ref buffer = filled("abcdef");
  queue.append(buffer, {buffer->data(), 3}, 0, 1);
  queue.append_copy(as_bytes("-"), 0);
  queue.append(buffer, {buffer->data() + 3, 3}, 0, 2);
  EXPECT_EQ(unsent(queue), "abc-def");
  queue.on_sent(2);
  EXPECT_EQ(unsent(queue), "c-def");
  queue.on_sent(5);
  EXPECT_FALSE(queue.has_unsent());
}

TEST(SendQueue, KeepsBytesUntilTheyAreAcknowledged) {
  SendQueue queue;
  Buffer::Ref buffer = filled("abcdef");
  queue.append(buffer, {buffer->data(), 3}, 0, 1);
  queue.append(buffer, {buffer->data() + 3, 3}, 1, 2);
  queue.on_sent(6);
  EXPECT_TRUE(buffer.is_shared());
  EXPECT_FALSE(queue.on_acknowledged(2)) << "half a slice";
  EXPECT_TRUE(queue.on_acknowledged(3));
  EXPECT_EQ(queue.acknowledged_frames(), 1u);
  EXPECT_EQ(queue.held_bytes(), 3u);
  EXPECT_TRUE(queue.on_acknowledged(6));
  EXPECT_EQ(queue.acknowledged_frames(), 2u);
  EXPECT_FALSE(buffer.is_shared()) << "nobody needs it any more";
}

TEST(SendQueue, TakesUpASliceThatWasSentWhole) {
  SendQueue queue;
  const Buffer::Ref buffer = filled("abcdef");
  queue.append(buffer, {buffer->data(), 3}, 0, 1);
  queue.on_sent(3);
  queue.append(buffer, {buffer->data() + 3, 3}, 0, 2);  // adjacent: one slice
  EXPECT_EQ(unsent(queue), "def");
  queue.on_sent(3);
  EXPECT_TRUE(queue.on_acknowledged(6));
  EXPECT_EQ(queue.held_bytes(), 0u);
}

}  // namespace
}  // namespace bp2p::quic
