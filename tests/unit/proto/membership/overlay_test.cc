// Whole overlays in virtual time: I8 and I9 through joins, deaths, restarts, splits and storms.
#include "tests/unit/proto/membership/shape.h"

#include <gtest/gtest.h>

namespace bp2p::membership {
namespace {

/// I8 in its parts that hold always; symmetry is looked at when it is quiet.
void expect_views_sound(const World& world) {
  for (Index i = 0; i < world.size(); ++i) {
    const View& view = world.at(i).view();
    ASSERT_LE(view.active().size(), world.config.active_size);
    ASSERT_LE(view.passive().size(), world.config.passive_size);
    for (const Neighbour& each : view.active()) {
      ASSERT_NE(index_of(each.contact->key), i);
      for (const Spare& spare : view.passive()) ASSERT_NE(each.contact->key, spare.contact->key);
    }
    for (const Spare& spare : view.passive()) ASSERT_NE(index_of(spare.contact->key), i);
  }
}

void expect_whole(World& world, const char* when) {
  const Graph graph{world};
  EXPECT_EQ(largest_component(graph), graph.living.size()) << when << ", " << world.size() << " daemons";
}

/// "Symmetric within one keep-alive period of quiet". Shuffled shapes never are quite quiet: what is asymmetric now is
/// not one period later.
void expect_symmetric(World& world) {
  const auto before = alone(Graph{world});
  world.run_for(world.config.keep_alive + 200ms);
  for (const auto& each : alone(Graph{world})) EXPECT_FALSE(std::ranges::contains(before, each)) << each.first << " -> " << each.second;
}

class Overlay : public testing::TestWithParam<std::size_t> {};

TEST_P(Overlay, JoinsKillsSplitsAndHeals) {
  const std::size_t count = GetParam();
  World world{count};
  world.grow(count, 200ms);
  expect_views_sound(world);
  world.run_for(60s);
  expect_whole(world, "joined");
  expect_symmetric(world);

  for (const int cycles : {2, 30}) {
    for (Index i = 0; i < count; ++i) world.set_side(i, i % 3 == 0);
    world.cut_links();
    world.run_for(cycles * world.config.shuffle_period);
    expect_views_sound(world);
    world.heal();
    world.run_for(60s);
    expect_whole(world, "healed");
    expect_symmetric(world);
  }

  for (Index i = 0; i < count / 3; ++i) world.kill(static_cast<Index>(world.rng.below(count)));
  world.run_for(60s);
  expect_views_sound(world);
  expect_whole(world, "a third killed");
  expect_symmetric(world);

  for (Index i = 0; i < count; ++i)
    if (!world.is_alive(i)) world.restart(i, world.at(i).book());
  world.run_for(60s);
  expect_whole(world, "restarted");
  expect_symmetric(world);
}

INSTANTIATE_TEST_SUITE_P(OfAllSizes, Overlay, testing::Values(3, 4, 5, 6, 7, 8, 10, 13, 20, 35, 60, 100, 200));

TEST(Overlay, AlmostAllHaveAllTheirLinks) {
  World world{3};
  world.grow(200, 50ms);
  const auto links = [&] {
    std::size_t sum = 0;
    for (Index i = 0; i < world.size(); ++i) sum += world.neighbours(i).size();
    return static_cast<double>(sum) / 200;
  };
  EXPECT_GE(links(), 4.6);  // the paper's protocol: 3.99
  world.run_for(200s);
  EXPECT_GE(degrees(Graph{world})[5], 195u);
}

TEST(Overlay, AStormOfJoinsEndsInOneRandomShape) {
  World world{5};
  world.add();
  for (int i = 1; i < 300; ++i) world.join(world.add(), 0), world.run_for(1ms);
  for (int i = 0; i < 12; ++i) {
    world.run_for(5s);
    world.rejoin_alone();
  }
  expect_whole(world, "after a storm");
  world.run_for(200s);
  const Distances all = distances(Graph{world}, 300);
  EXPECT_LT(all.mean, 4.3);  // a random graph of degree 5: 3.9
  EXPECT_LE(all.largest, 8u);
}

TEST(Overlay, MostKilledAtOnceStillFindOneAnother) {
  World world{6};
  world.grow(200, 50ms);
  world.run_for(200s);
  for (Index i = 0; i < 160; ++i) world.kill(i);
  world.run_for(60s);
  expect_whole(world, "80 % killed");
  expect_views_sound(world);
}

TEST(Overlay, WhoLeavesIsForgottenByAll) {
  World world{8};
  world.grow(20, 100ms);
  world.run_for(60s);
  world.leave(7);
  world.run_for(1s);
  for (Index i = 0; i < 20; ++i) EXPECT_FALSE(world.at(i).view().is_active(world.contact(7)->key));
  world.kill(7);
  world.run_for(60s);
  expect_whole(world, "one left");
}

TEST(Overlay, AnIdleClusterSaysLittle) {
  World world{9};
  world.grow(12, 100ms);
  world.run_for(300s);
  const auto before = world.messages;
  world.run_for(100s);
  EXPECT_LT(static_cast<double>(world.messages - before) / 12 / 10, 10.0);  // per daemon and cycle, five of them keep-alives
}

TEST(Overlay, IsTheSameForTheSameSeed) {  // I23
  const auto trace = [](std::uint64_t seed) {
    World world{seed};
    world.grow(50, 100ms);
    world.kill(7);
    world.run_for(100s);
    return world.trace;
  };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2));
}

}  // namespace
}  // namespace bp2p::membership
