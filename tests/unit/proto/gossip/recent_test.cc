#include "proto/gossip/recent.h"

#include "tests/unit/proto/gossip/fakes.h"

namespace bp2p::gossip::test {
namespace {

const OriginId origin{key_of(1), 1};
Recent::Kept kept(std::uint64_t number) { return {number, {}, {}, payload_of(origin, number, 100)}; }
void fill(Recent& recent, std::initializer_list<std::uint64_t> numbers) {
  for (const std::uint64_t number : numbers) recent.add(kept(number));
  while (recent.advance() != nullptr) {
  }
}

TEST(Recent, KnowsWhatItSawByOneNumberAndTheFewBeyondIt) {
  Recent recent{0};
  fill(recent, {1, 2, 5});
  EXPECT_EQ(recent.contiguous(), 2u);
  for (const std::uint64_t seen : {1, 2, 5}) EXPECT_TRUE(recent.has_seen(seen)) << seen;
  for (const std::uint64_t unseen : {3, 4, 6}) EXPECT_FALSE(recent.has_seen(unseen)) << unseen;
  fill(recent, {3, 4});
  EXPECT_EQ(recent.contiguous(), 5u);
  EXPECT_TRUE(recent.beyond().empty());
}

TEST(Recent, StillKnowsWhatItNoLongerKeeps) {
  Recent recent{0};
  fill(recent, {1, 2, 3});
  recent.drop_oldest();
  recent.drop_oldest();
  EXPECT_TRUE(recent.has_seen(1));
  EXPECT_EQ(recent.find(2), nullptr);
  ASSERT_NE(recent.find(3), nullptr);
  EXPECT_EQ(recent.first(), 3u);
  recent.drop_oldest();
  EXPECT_EQ(recent.first(), 4u);  // keeps none
  EXPECT_EQ(recent.oldest(), nullptr);
}

TEST(Recent, CountsItsBytes) {
  Recent recent{10};
  const std::size_t one = 100 + Recent::overhead;
  fill(recent, {11, 12, 14, 15});
  EXPECT_EQ(recent.bytes(), 4 * one);
  recent.drop_oldest();
  recent.drop_furthest();
  EXPECT_EQ(recent.bytes(), 2 * one);
  EXPECT_FALSE(recent.has_seen(15));
  recent.skip_to(14);
  EXPECT_EQ(recent.bytes(), one);
  ASSERT_NE(recent.advance(), nullptr);
  EXPECT_EQ(recent.first(), 14u);
  EXPECT_EQ(recent.bytes_ever(), 4 * one);
}

TEST(Recent, NamesItsHoles) {
  Recent recent{10};
  fill(recent, {13, 14, 17});
  EXPECT_EQ(recent.holes(1, 20, 8), (std::vector<Range>{{11, 12}, {15, 16}, {18, 20}}));
  EXPECT_EQ(recent.holes(12, 15, 8), (std::vector<Range>{{12, 12}, {15, 15}}));
  EXPECT_EQ(recent.holes(1, 20, 2).size(), 2u);
  EXPECT_TRUE(recent.holes(13, 14, 8).empty());
  EXPECT_TRUE(recent.holes(1, 10, 8).empty());
}

TEST(Recent, FindsWhatItKeepsAfterManyCameAndWent) {
  Recent recent{0};
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    fill(recent, {number});
    if (number > 7) recent.drop_oldest();
    for (std::uint64_t n = recent.first(); n <= number; ++n) ASSERT_EQ(recent.find(n)->number, n);
  }
  EXPECT_EQ(recent.first(), 994u);
}

}  // namespace
}  // namespace bp2p::gossip::test
