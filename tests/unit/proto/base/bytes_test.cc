#include "proto/base/bytes.h"

#include <gtest/gtest.h>

namespace bp2p {
namespace {

TEST(AReader, StopsAtTheFirstLackAndStaysThere) {
  const Bytes bytes = Writer{}.u16(7).u8(1).take();
  Reader in{bytes};
  EXPECT_EQ(in.u16(), 7);
  EXPECT_EQ(in.u32(), 0u);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_FALSE(in.finished());
}

TEST(AReader, ReadsWhatAWriterWrote) {
  const Bytes bytes = Writer{}.u8(0x80).u16(0x8001).u32(0x80000001).u64(0x8000000000000001).text16("text").take();
  Reader in{bytes};
  EXPECT_EQ(in.u8(), 0x80);
  EXPECT_EQ(in.u16(), 0x8001);
  EXPECT_EQ(in.u32(), 0x80000001);
  EXPECT_EQ(in.u64(), 0x8000000000000001);
  EXPECT_EQ(in.text16(), "text");
  EXPECT_TRUE(in.finished());
}

TEST(AReader, DoesNotBelieveALength) {
  const Bytes bytes = Writer{}.u16(0xffff).u8(1).take();
  Reader in{bytes};
  EXPECT_EQ(in.text16(), "");
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace bp2p
