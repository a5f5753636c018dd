#include "daemon/net/host_addresses.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bp2p {
namespace {

Address at(std::string_view text) { return Address::parse(text).value(); }

TEST(HostAddresses, OfLoopbackAreTold) {
  for (const auto* each : {"127.0.0.1:9100", "127.3.2.1:9100", "[::1]:9100"}) EXPECT_TRUE(is_loopback(at(each))) << each;
  for (const auto* each : {"10.0.0.1:9100", "[::2]:9100", "[fd00::1]:9100"}) EXPECT_FALSE(is_loopback(at(each))) << each;
}

TEST(HostAddresses, AreLoopbackOnlyWhereThereIsNothingElse) {
  const auto found = addresses_of_host({at("[::]:9100")});
  EXPECT_TRUE(std::ranges::all_of(found, is_loopback) || std::ranges::none_of(found, is_loopback));
  EXPECT_EQ(addresses_of_host({at("127.0.0.1:9100")}), std::vector{at("127.0.0.1:9100")}) << "as it is bound";
}

}  // namespace
}  // namespace bp2p
