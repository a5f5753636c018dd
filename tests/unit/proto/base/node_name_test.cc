#include "proto/base/node_name.h"

#include <gtest/gtest.h>

namespace bp2p {
namespace {

TEST(ANodeName, IsAliveAtHost) {
  const auto name = NodeName::parse("app@db1.example");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->alive(), "app");
  EXPECT_EQ(name->host(), "db1.example");
  EXPECT_EQ(name->text(), "app@db1.example");
}

TEST(ANodeName, MayHaveAnyHostPartAndAnyScript) {
  EXPECT_TRUE(NodeName::parse("f@::1").has_value());
  EXPECT_TRUE(NodeName::parse("n\xc3\xb6" "de@h").has_value());
  EXPECT_TRUE(NodeName::parse("\xf0\x9f\x90\x9d@h").has_value());
  EXPECT_TRUE(NodeName::parse(std::string(250, 'a') + "@host").has_value());
}

TEST(ANodeName, HasTwoPartsAndAtMost255Bytes) {
  for (const std::string text : {"", "@", "a", "a@", "@h", "a@b@c"}) EXPECT_FALSE(NodeName::parse(text).has_value()) << text;
  EXPECT_FALSE(NodeName::parse(std::string(251, 'a') + "@host").has_value());
}

TEST(ANodeName, CanBeAFileNameAndALineOfALog) {
  for (const std::string_view text : {std::string_view{".a@h"}, std::string_view{"../x@h"}, std::string_view{"a/b@h"},
                                      std::string_view{"a b@h"}, std::string_view{"a\n@h"}, std::string_view{"a\0b@h", 5},
                                      std::string_view{"a\x7f@h"}, std::string_view{"a\xc2\x85@h"}})
    EXPECT_FALSE(NodeName::parse(text).has_value()) << text;
}

TEST(ANodeName, IsValidUtf8) {
  for (const std::string_view text : {"a\xff@h", "a\xc0\x80@h", "a\xed\xa0\x80@h", "a\xe0\x80\x80@h", "a\xf4\x90\x80\x80@h", "a\xc3@h"})
    EXPECT_FALSE(NodeName::parse(text).has_value());
}

}  // namespace
}  // namespace bp2p
