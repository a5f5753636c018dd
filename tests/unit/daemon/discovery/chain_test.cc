#include "daemon/discovery/chain.h"

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

#include "daemon/discovery/dns.h"

namespace {

/// A name server that does not answer: look-ups of `*.hangs` wait until it is let go.
struct DeadNameServer {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_dead = false;
  void set(bool dead) {
    const std::lock_guard lock{mutex};
    is_dead = dead;
    changed.notify_all();
  }
} name_server;

}  // namespace

/// In front of the C library's.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  if (host != nullptr && std::string_view{host}.ends_with(".hangs")) {
    std::unique_lock lock{name_server.mutex};
    name_server.changed.wait(lock, [] { return !name_server.is_dead; });
    return EAI_AGAIN;
  }
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(host, service, hints, found);
}

namespace bp2p {
namespace {

using namespace std::chrono_literals;

NodeName name_of(std::string_view text) { return NodeName::parse(text).value(); }
Address address_of(std::string_view text) { return Address::parse(text).value(); }
using Found = std::vector<Address>;

class Discovery : public ::testing::Test {
 protected:
  /// What the chain answers, or nothing within twice its budget.
  std::optional<Found> resolve(const DiscoveryConfig& config, std::string_view name) {
    DiscoveryChain chain{io_, config};
    std::optional<Found> answer;
    chain.resolve(name_of(name), [&](Found found) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(found);
    });
    EXPECT_FALSE(answer) << "answered from within the call";
    EXPECT_EQ(chain.pending(), 1u);
    io_.restart();
    const auto deadline = std::chrono::steady_clock::now() + 2 * DiscoveryChain::budget;
    while (!answer && io_.run_one_until(deadline) != 0) {
    }
    EXPECT_EQ(chain.pending(), 0u);
    return answer;
  }

  boost::asio::io_context io_;
  const Found listed_{address_of("10.0.0.6:1"), address_of("10.0.0.6:2")};
  DiscoveryConfig config_{.backends = {Backend::static_table, Backend::dns},
                          .dns_port = 9100,
                          .static_table = {{name_of("app@127.0.0.1"), listed_}}};
};

TEST_F(Discovery, AsksTheBackendsInTheirOrder) {
  EXPECT_EQ(resolve(config_, "app@127.0.0.1"), listed_);
  config_.backends = {Backend::dns, Backend::static_table};
  EXPECT_EQ(resolve(config_, "app@127.0.0.1"), Found{address_of("127.0.0.1:9100")});
}

TEST_F(Discovery, TakesAnAddressForAHostAsItIs) {
  EXPECT_EQ(resolve(config_, "f@::1"), Found{address_of("[::1]:9100")});
  EXPECT_EQ(resolve(config_, "f@2001:db8::7"), Found{address_of("[2001:db8::7]:9100")});
  EXPECT_EQ(resolve(config_, "f@127.0.0.2"), Found{address_of("127.0.0.2:9100")});
}

TEST_F(Discovery, AnswersWhatTheSystemsResolverSaysWithItsOwnPort) {
  // Not every build root has a localhost in /etc/hosts, so the system is asked what the answer should be.
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* answer = nullptr;
  const int status = ::getaddrinfo("localhost", nullptr, &hints, &answer);
  std::set<std::string> expected, got;
  for (const addrinfo* one = status == 0 ? answer : nullptr; one; one = one->ai_next) {
    char host[INET6_ADDRSTRLEN] = "";
    ASSERT_EQ(::getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST), 0);
    expected.insert(one->ai_family == AF_INET6 ? "[" + std::string{host} + "]:7" : std::string{host} + ":7");
  }
  if (status == 0) ::freeaddrinfo(answer);

  config_.dns_port = 7;
  const auto found = resolve(config_, "f@localhost");
  ASSERT_TRUE(found);
  for (const Address& address : *found) got.insert(address.text());
  EXPECT_EQ(got, expected);
}

TEST_F(Discovery, AnswersNothingForANameThatNobodyKnows) {
  EXPECT_EQ(resolve(config_, "f@no-such-host.invalid"), Found{});
  config_.backends = {Backend::static_table};
  EXPECT_EQ(resolve(config_, "f@127.0.0.1"), Found{});
  config_.backends = {};
  EXPECT_EQ(resolve(config_, "app@127.0.0.1"), Found{});
}

TEST_F(Discovery, HasABoundAndCountsWhatIsBeyondIt) {
  DiscoveryChain chain{io_, config_};
  std::size_t answers = 0, empty = 0;
  for (std::size_t i = 0; i < DiscoveryChain::pending_max + 10; ++i)
    chain.resolve(name_of("f@::1"), [&](Found found) {
      ++answers;
      empty += found.empty() ? 1 : 0;
    });
  EXPECT_EQ(chain.pending(), DiscoveryChain::pending_max);
  EXPECT_EQ(chain.refused(), 10u);
  io_.poll();
  EXPECT_EQ(answers, DiscoveryChain::pending_max + 10);
  EXPECT_EQ(empty, 10u);
}

TEST_F(Discovery, SaysNothingAnyMoreOnceItIsGone) {
  std::optional<DiscoveryChain> chain{std::in_place, io_, config_};
  bool answered = false;
  chain->resolve(name_of("f@::1"), [&](Found) { answered = true; });
  chain->resolve(name_of("f@localhost"), [&](Found) { answered = true; });
  chain.reset();
  io_.run_for(50ms);  // whatever was posted runs now
  EXPECT_FALSE(answered);
}

/// With a short budget, and let go at the end so that the resolver's thread can be joined.
struct DiscoveryWithADeadNameServer : Discovery {
  DiscoveryWithADeadNameServer() { name_server.set(true); }
  ~DiscoveryWithADeadNameServer() override { name_server.set(false); }
  void ask(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) chain_.resolve(name_of("f@name.hangs"), [&](Found found) {
        EXPECT_TRUE(found.empty());
        ++answers_;
      });
  }
  void run_until(std::size_t answers) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (answers_ < answers && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    EXPECT_EQ(answers_, answers);
  }
  DiscoveryChain chain_{io_, config_, 20ms};
  std::size_t answers_ = 0;
};

TEST_F(DiscoveryWithADeadNameServer, AnswersNothingWhenTheTimeIsOverAndKnowsThatTheResolverIsStillAtIt) {
  ask(1);
  run_until(1);
  EXPECT_EQ(chain_.pending(), 1u) << "a clean stop would wait for the resolver's thread";
  name_server.set(false);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (chain_.pending() > 0 && std::chrono::steady_clock::now() < deadline) {
    io_.restart();
    io_.run_one_for(10ms);
  }
  EXPECT_EQ(chain_.pending(), 0u);
  EXPECT_EQ(answers_, 1u);
}

TEST_F(DiscoveryWithADeadNameServer, DoesNotQueueLookUpsForEver) {
  for (std::size_t round = 1; round <= 4; ++round) {
    ask(DiscoveryChain::pending_max / 2);
    run_until(round * DiscoveryChain::pending_max / 2);
  }
  EXPECT_EQ(chain_.pending(), DiscoveryChain::pending_max);
  EXPECT_EQ(chain_.refused(), DiscoveryChain::pending_max);
  std::optional<Found> listed;
  chain_.resolve(name_of("app@127.0.0.1"), [&](Found found) { listed = std::move(found); });
  while (!listed && io_.run_one_for(10s) != 0) {
  }
  EXPECT_EQ(listed, listed_) << "the table needs no resolver";
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
