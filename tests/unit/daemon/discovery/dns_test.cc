#include "daemon/discovery/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "daemon/discovery/srv.h"
#include "tests/unit/daemon/discovery/name_server.h"

namespace bp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;
using Records = std::vector<SrvRecord>;

struct Srv : ::testing::Test {
  Records ask(const std::string& host) { return ask_for_srv(host, server_.address()); }
  std::vector<std::string> find(const std::string& host) {
    std::vector<std::string> found;
    for (const Address& each : find_by_dns(host, {.default_port = 9100, .name_server = server_.address()}))
      found.push_back(each.text());
    return found;
  }
  testing::NameServer server_;
};

TEST_F(Srv, IsAskedForOurServiceAtTheHost) {
  const Records records{{.priority = 1, .weight = 2, .port = 3, .target = "d1.example.com"},
                        {.priority = 65535, .weight = 0, .port = 65535, .target = "d2.example.com"}};
  server_.set("_barrel-p2p._udp.db.example.com", records);
  EXPECT_THAT(ask("db.example.com"), UnorderedElementsAreArray(records));
  EXPECT_THAT(server_.asked(), ElementsAre("_barrel-p2p._udp.db.example.com"));
}

TEST_F(Srv, HasNoneWhereThereIsNone) {
  EXPECT_TRUE(ask("db.example.com").empty());
  server_.set("_barrel-p2p._udp.db.example.com", {});
  EXPECT_TRUE(ask("db.example.com").empty());
}

TEST_F(Srv, TakesNoHarmFromAWrongAnswer) {
  const std::vector<std::uint8_t> head{0xc0, 0x0c, 0, 33, 0, 1, 0, 0, 0, 60};
  for (const std::vector<std::uint8_t>& rest : std::vector<std::vector<std::uint8_t>>{
           {}, {0}, {0, 200, 0, 1, 0, 1, 0, 1, 1, 'a', 0}, {0, 2, 0, 1}, {0, 6, 0, 1, 0, 1, 0, 1}, {0, 8, 0, 1, 0, 1, 0, 1, 0xc0, 0xff},
           {0, 8, 0, 1, 0, 1, 0, 1, 63, 'a'}}) {
    auto bytes = head;
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    server_.set_garbage(bytes, 1);
    EXPECT_TRUE(ask("db.example.com").empty());
    server_.set_garbage(bytes, 65535);
    EXPECT_TRUE(ask("db.example.com").empty());
  }
}

TEST_F(Srv, GivesAddressesWithTheirPortsByPriority) {
  server_.set("_barrel-p2p._udp.db.example.com", {{.priority = 20, .weight = 0, .port = 9102, .target = "127.0.0.2"},
                                                  {.priority = 10, .weight = 0, .port = 9101, .target = "127.0.0.1"}});
  EXPECT_THAT(find("db.example.com"), ElementsAre("127.0.0.1:9101", "127.0.0.2:9102"));
}

TEST_F(Srv, SaysThatThereIsNoSuchServiceWithADot) {
  server_.set("_barrel-p2p._udp.db.localhost.example", {{.priority = 0, .weight = 0, .port = 0, .target = ""}});
  EXPECT_EQ(ask("db.localhost.example"), (Records{{.priority = 0, .weight = 0, .port = 0, .target = ""}}));
  EXPECT_TRUE(find("db.localhost.example").empty());
}

TEST_F(Srv, IsNotAskedForAnAddressNorForThisMachine) {
  EXPECT_THAT(find("127.0.0.9"), ElementsAre("127.0.0.9:9100"));
  find("localhost");
  EXPECT_TRUE(server_.asked().empty());
}

TEST(SrvOrder, IsByPriorityThenDrawnByWeight) {
  Rng rng{1};
  const Records records{{.priority = 2, .weight = 9, .port = 1, .target = "later"}, {.priority = 1, .weight = 0, .port = 1, .target = "never first, nearly"},
                        {.priority = 1, .weight = 10, .port = 1, .target = "seldom"}, {.priority = 1, .weight = 90, .port = 1, .target = "often"}};
  std::map<std::string, int> first;
  for (int i = 0; i < 10'000; ++i) {
    const auto ordered = in_order(records, rng);
    ASSERT_EQ(ordered.size(), 4u);
    EXPECT_EQ(ordered.back().target, "later");
    ++first[ordered.front().target];
  }
  EXPECT_NEAR(first["often"], 8910, 200);
  EXPECT_NEAR(first["seldom"], 990, 150);
  EXPECT_GT(first["never first, nearly"], 0) << "RFC 2782 gives weight 0 a very small chance";
  EXPECT_TRUE(in_order({}, rng).empty());
}

TEST(LiteralHosts, AreAddressesWrittenOut) {
  EXPECT_EQ(literal_host("10.0.0.1", 5)->text(), "10.0.0.1:5");
  EXPECT_EQ(literal_host("::ffff:10.0.0.1", 5)->text(), "10.0.0.1:5");
  EXPECT_FALSE(literal_host("localhost", 5));
  EXPECT_FALSE(literal_host("10.0.0", 5));
  EXPECT_FALSE(literal_host("", 5));
}

}  // namespace
}  // namespace bp2p
