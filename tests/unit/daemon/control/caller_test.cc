#include "daemon/control/caller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bp2p::control {
namespace {

TEST(Callers, AreWhoTheKernelSaysTheyAre) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Caller caller = caller_of(ends[0]);
  EXPECT_EQ(caller.uid, ::geteuid());
  ASSERT_FALSE(caller.groups.empty());
  EXPECT_EQ(caller.groups[0], ::getegid());
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(caller_of(ends[0]).uid, UINT32_MAX);
}

TEST(Callers, MayChangeAsRootAsTheDaemonsUserOrInTheGroup) {
  EXPECT_TRUE(may_change({.uid = 0}, 500, std::nullopt));
  EXPECT_TRUE(may_change({.uid = 500}, 500, std::nullopt));
  EXPECT_TRUE(may_change({.uid = 1000, .groups = {1000, 77}}, 500, 77));
  EXPECT_FALSE(may_change({.uid = 1000, .groups = {1000, 77}}, 500, std::nullopt));
  EXPECT_FALSE(may_change({.uid = 1000, .groups = {1000}}, 500, 77));
  EXPECT_FALSE(may_change({}, UINT32_MAX, std::nullopt)) << "nobody knows who that is";
}

}  // namespace
}  // namespace bp2p::control
