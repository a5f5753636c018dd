#include "proto/base/address.h"

#include <gtest/gtest.h>

namespace bp2p {
namespace {

TEST(AnAddress, ReadsWhatItWrites) {
  for (const std::string text : {"10.0.0.6:9100", "0.0.0.0:0", "255.255.255.255:65535", "[2001:db8::7]:9100", "[::]:1",
                                 "[::1]:9100", "[fe80::1%2]:9100", "[2001:db8:0:1:1:1:1:1]:80"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(AnAddress, HasOneFormWhateverItWasWrittenLike) {  // RFC 5952
  EXPECT_EQ(Address::parse("[2001:DB8:0:0:0:0:0:7]:9100")->text(), "[2001:db8::7]:9100");
  EXPECT_EQ(Address::parse("[2001:db8:0:0:1:0:0:1]:1")->text(), "[2001:db8::1:0:0:1]:1");
  EXPECT_EQ(Address::parse("[::ffff:10.0.0.6]:9100"), Address::parse("10.0.0.6:9100"));
  EXPECT_TRUE(Address::parse("[::ffff:a00:6]:9100")->is_v4());
  EXPECT_FALSE(Address::parse("[2001:db8::7]:9100")->is_v4());
}

TEST(AnAddress, IsNeverGuessed) {
  for (const std::string_view text :
       {"", ":", "10.0.0.6", "10.0.0.6:", "10.0.0.6:65536", "10.0.0.6:-1", "10.0.0.6:+1", "10.0.0.6:09", "10.0.0.6:1x", "10.0.0:1",
        "host:9100", "2001:db8::7:9100", "[2001:db8::7]", "[2001:db8::7]9100", "[10.0.0.6]:1", "[fe80::1%]:1", "[fe80::1%0]:1",
        "[fe80::1%eth0]:1", "[::ffff:10.0.0.6%1]:1", "[::1:1", "[]:1", " 10.0.0.6:1"})
    EXPECT_FALSE(Address::parse(text).has_value()) << text;
  EXPECT_FALSE(Address::parse(std::string_view{"10.0.0.6\0x:1", 12}).has_value());
}

}  // namespace
}  // namespace bp2p
