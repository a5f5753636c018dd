#include "daemon/discovery/chain.h"

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <functional>
#include <optional>
#include <set>

#include "daemon/discovery/dns.h"
#include "tests/unit/daemon/discovery/name_server.h"
#include "tests/unit/daemon/temporary_directory.h"

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
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

NodeName name_of(std::string_view text) { return NodeName::parse(text).value(); }
Address address_of(std::string_view text) { return Address::parse(text).value(); }
using Addresses = std::vector<Address>;

class Discovery : public ::testing::Test {
 protected:
  bool run_until(const std::function<bool()>& is_so) {
    const auto deadline = std::chrono::steady_clock::now() + 2 * DiscoveryChain::budget;
    while (!is_so() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    return is_so();
  }
  /// What the chain answers, or nothing within twice its budget.
  std::optional<Addresses> resolve(DiscoveryChain& chain, std::string_view name, Addresses known = {}) {
    std::optional<Addresses> answer;
    chain.resolve(name_of(name), std::move(known), [&](Addresses found) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(found);
    });
    EXPECT_FALSE(answer) << "answered from within the call";
    EXPECT_GE(chain.pending(), 1u);
    run_until([&] { return answer.has_value(); });
    return answer;
  }
  std::optional<Addresses> resolve(std::string_view name, Addresses known = {}) {
    DiscoveryChain chain{io_, config_, times_, name_server_.address()};
    auto answer = resolve(chain, name, std::move(known));
    EXPECT_EQ(chain.pending(), 0u);
    return answer;
  }
  /// A hook that is a shell script, and leaves a mark each time it is run.
  void set_command(const std::string& text) {
    const auto file = here_ / "find-node";
    write_text(file, "#!/bin/sh\necho >>" + (here_ / "runs").string() + "\n" + text + "\n");
    std::filesystem::permissions(file, std::filesystem::perms{0755});
    config_.command = {file.string()};
  }
  std::size_t command_runs() const { return file_text(here_ / "runs").size(); }
  void set_file(std::string_view name, std::string_view text) {
    config_.directory = here_.path();
    write_text(endpoint_file(here_.path(), name_of(name)), text);
  }

  TemporaryDirectory here_;
  testing::NameServer name_server_;  // for SRV; it knows nothing unless told
  boost::asio::io_context io_;
  const Addresses listed_{address_of("10.0.0.6:1"), address_of("10.0.0.6:2")};
  const Address by_dns_ = address_of("127.0.0.1:9100"), by_command_ = address_of("10.0.0.7:7"), by_file_ = address_of("10.0.0.8:8"),
                by_peers_ = address_of("10.0.0.9:9");
  DiscoveryConfig config_{.backends = {Backend::static_table, Backend::dns},
                          .directory = {},
                          .dns_port = 9100,
                          .command = {},
                          .static_table = {{name_of("app@127.0.0.1"), listed_}}};
  DiscoveryTimes times_;
};

TEST_F(Discovery, PutsTogetherWhatTheBackendsKnowInTheirOrder) {
  EXPECT_EQ(resolve("app@127.0.0.1"), (Addresses{listed_[0], listed_[1], by_dns_}));
  config_.backends = {Backend::dns, Backend::static_table};
  EXPECT_EQ(resolve("app@127.0.0.1"), (Addresses{by_dns_, listed_[0], listed_[1]}));
}

TEST_F(Discovery, AsksAllOfThem) {
  set_file("app@127.0.0.1", "{\"10.0.0.8\", 8}.");
  set_command("echo 10.0.0.7:7");
  config_.backends = {Backend::command, Backend::static_table, Backend::peers, Backend::file, Backend::dns};
  times_.rest = 10s;  // however slow the machine
  EXPECT_EQ(resolve("app@127.0.0.1", {by_peers_}), (Addresses{by_command_, listed_[0], listed_[1], by_peers_, by_file_, by_dns_}));
}

TEST_F(Discovery, SaysEachAddressOnceAndNotMoreThanAreTried) {
  config_.backends = {Backend::peers, Backend::dns, Backend::static_table};
  Addresses known{listed_[1], by_dns_};
  EXPECT_EQ(resolve("app@127.0.0.1", known), (Addresses{listed_[1], by_dns_, listed_[0]}));
  for (std::uint16_t port = 1; port <= 20; ++port) known.push_back(Address{.port = port});
  EXPECT_EQ(resolve("app@127.0.0.1", known)->size(), 16u);
}

TEST_F(Discovery, TakesAnAddressForAHostAsItIs) {
  EXPECT_EQ(resolve("f@::1"), Addresses{address_of("[::1]:9100")});
  EXPECT_EQ(resolve("f@2001:db8::7"), Addresses{address_of("[2001:db8::7]:9100")});
  EXPECT_EQ(resolve("f@127.0.0.2"), Addresses{address_of("127.0.0.2:9100")});
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
  const auto found = resolve("f@localhost");
  ASSERT_TRUE(found);
  for (const Address& address : *found) got.insert(address.text());
  EXPECT_EQ(got, expected);
}

TEST_F(Discovery, AnswersWhatSrvRecordsSay) {
  name_server_.set("_barrel-p2p._udp.db.example.com", {{.priority = 1, .weight = 1, .port = 9103, .target = "127.0.0.3"}});
  EXPECT_EQ(resolve("app@db.example.com"), Addresses{address_of("127.0.0.3:9103")});
}

TEST_F(Discovery, AnswersNothingForANameThatNobodyKnows) {
  set_command("exit 1");
  config_.directory = here_.path();
  config_.backends = {Backend::static_table, Backend::peers, Backend::file, Backend::dns, Backend::command};
  EXPECT_EQ(resolve("f@no-such-host.invalid"), Addresses{});
  config_.backends = {Backend::static_table};
  EXPECT_EQ(resolve("f@127.0.0.1"), Addresses{});
  config_.backends = {};
  EXPECT_EQ(resolve("app@127.0.0.1"), Addresses{});
}

TEST_F(Discovery, RunsTheCommandOnlyWhenNobodyBeforeItKnows) {
  set_command("echo 10.0.0.7:7");
  config_.backends = {Backend::static_table, Backend::command, Backend::dns};
  EXPECT_EQ(resolve("app@127.0.0.1"), (Addresses{listed_[0], listed_[1], by_dns_}));
  EXPECT_EQ(command_runs(), 0u);
  EXPECT_EQ(resolve("other@127.0.0.1"), (Addresses{by_command_, by_dns_}));
  EXPECT_EQ(command_runs(), 1u);
}

TEST_F(Discovery, WaitsForABackendBeforeTheOneThatKnows) {
  const std::string gate = (here_ / "gate").string();
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  set_command("read go <" + gate + "; echo 10.0.0.7:7");
  config_.backends = {Backend::command, Backend::dns};
  times_.head_start = 1ms;
  DiscoveryChain chain{io_, config_, times_, name_server_.address()};
  std::optional<Addresses> answer;
  chain.resolve(name_of("f@127.0.0.1"), {}, [&](Addresses found) { answer = std::move(found); });
  EXPECT_TRUE(run_until([&] { return command_runs() == 1; }));
  io_.restart();
  io_.run_for(2 * times_.rest);  // DNS has answered at once
  EXPECT_FALSE(answer);
  write_text(gate, "go\n");
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(answer, (Addresses{by_command_, by_dns_}));
}

TEST_F(Discovery, HasABoundAndCountsWhatIsBeyondIt) {
  DiscoveryChain chain{io_, config_};
  std::size_t answers = 0, empty = 0;
  for (std::size_t i = 0; i < DiscoveryChain::pending_max + 10; ++i)
    chain.resolve(name_of("f@::1"), {}, [&](Addresses found) {
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
  set_command("sleep 1000");
  config_.backends = {Backend::dns, Backend::command};
  std::optional<DiscoveryChain> chain{std::in_place, io_, config_, times_, name_server_.address()};
  bool answered = false;
  chain->resolve(name_of("f@db.example.com"), {}, [&](Addresses) { answered = true; });
  EXPECT_TRUE(run_until([&] { return command_runs() == 1; }));
  chain->resolve(name_of("f@::1"), {}, [&](Addresses) { answered = true; });
  chain->resolve(name_of("f@localhost"), {}, [&](Addresses) { answered = true; });
  chain.reset();  // and does not wait for the command
  io_.restart();
  io_.run_for(50ms);  // whatever was posted runs now
  EXPECT_FALSE(answered);
}

TEST_F(Discovery, KillsItsCommandsAtTheEndOfTheProcess) {
  set_command("sleep 1000");
  config_.backends = {Backend::command};
  DiscoveryChain chain{io_, config_, times_};
  std::optional<Addresses> answer;
  chain.resolve(name_of("f@::1"), {}, [&](Addresses found) { answer = std::move(found); });
  EXPECT_TRUE(run_until([&] { return command_runs() == 1; }));
  chain.stop(10s);
  EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
  EXPECT_EQ(answer, Addresses{});
}

// --- our own nodes' files ---------------------------------------------------------------------------------

TEST_F(Discovery, FindsTheNodesOfDaemonsThatShareADirectory) {
  config_.backends = {Backend::file};
  config_.directory = here_.path();
  DiscoveryChain one{io_, config_}, other{io_, config_};
  one.set_own_endpoint({.host = "10.0.0.8", .port = 8});
  other.set_own_endpoint({.host = "", .port = 9101});
  one.publish({name_of("a@db1"), name_of("b@db1")});
  other.publish({name_of("c@127.0.0.1")});
  one.stop(10s);
  other.stop(10s);
  EXPECT_EQ(resolve(other, "b@db1"), Addresses{by_file_});
  EXPECT_EQ(resolve(one, "c@127.0.0.1"), Addresses{address_of("127.0.0.1:9101")}) << "the host of the name";
  one.publish({name_of("a@db1")});
  one.stop(10s);
  EXPECT_EQ(resolve(other, "b@db1"), Addresses{});
  one.publish({});
  one.stop(10s);
  EXPECT_EQ(resolve(other, "a@db1"), Addresses{});
  EXPECT_EQ(one.pending(), 0u);
}

TEST(OwnEndpoint, IsWhatIsAdvertisedElseWhereTheDaemonListens) {
  const auto any6 = address_of("[::]:9100"), any4 = address_of("0.0.0.0:9100"), here = address_of("10.0.0.5:9101");
  EXPECT_EQ(own_endpoint({}, {any6}), (Endpoint{"", 9100}));
  EXPECT_EQ(own_endpoint({}, {any4, here}), (Endpoint{"", 9100}));
  EXPECT_EQ(own_endpoint({}, {here, any6}), (Endpoint{"10.0.0.5", 9101}));
  EXPECT_EQ(own_endpoint({address_of("[2001:db8::5]:1"), here}, {any6}), (Endpoint{"2001:db8::5", 1}));
  EXPECT_EQ(own_endpoint({}, {address_of("[fe80::1%3]:2")}), (Endpoint{"fe80::1", 2}));
}

// --- a name server that does not answer --------------------------------------------------------------------

/// With little patience, and let go at the end so that the resolver's threads can be joined.
struct DiscoveryWithADeadNameServer : Discovery {
  DiscoveryWithADeadNameServer() {
    times_.head_start = 10ms;
    times_.dns = 20ms;
    name_server.set(true);
  }
  ~DiscoveryWithADeadNameServer() override { name_server.set(false); }
  DiscoveryChain& chain() {
    if (!chain_) chain_.emplace(io_, config_, times_, name_server_.address());
    return *chain_;
  }
  void ask(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) chain().resolve(name_of("f@name.hangs"), {}, [&](Addresses found) {
        EXPECT_TRUE(found.empty());
        ++answers_;
      });
  }
  std::size_t answers_ = 0;
  std::optional<DiscoveryChain> chain_;
};

TEST_F(DiscoveryWithADeadNameServer, AnswersNothingWhenTheTimeIsOverAndKnowsThatTheResolverIsStillAtIt) {
  ask(1);
  EXPECT_TRUE(run_until([&] { return answers_ == 1; }));
  EXPECT_EQ(chain().pending(), 1u) << "a clean stop would wait for the resolver's thread";
  name_server.set(false);
  EXPECT_TRUE(run_until([&] { return chain().pending() == 0; }));
  EXPECT_EQ(answers_, 1u);
}

TEST_F(DiscoveryWithADeadNameServer, DoesNotQueueLookUpsForEver) {
  for (std::size_t round = 1; round <= 4; ++round) {
    ask(DiscoveryChain::pending_max / 2);
    EXPECT_TRUE(run_until([&] { return answers_ == round * DiscoveryChain::pending_max / 2; }));
  }
  EXPECT_EQ(chain().pending(), DiscoveryChain::pending_max);
  EXPECT_EQ(chain().refused(), DiscoveryChain::pending_max);
  EXPECT_EQ(resolve(chain(), "app@127.0.0.1"), (Addresses{listed_[0], listed_[1], by_dns_})) << "these need no resolver";
}

TEST_F(DiscoveryWithADeadNameServer, FindsOtherNamesAllTheSame) {
  times_.dns = 10s;
  ask(DiscoveryChain::threads - 1);
  name_server_.set("_barrel-p2p._udp.alive.example.com", {{.priority = 1, .weight = 1, .port = 1, .target = "127.0.0.3"}});
  EXPECT_EQ(resolve(chain(), "f@alive.example.com"), Addresses{address_of("127.0.0.3:1")});
  EXPECT_EQ(answers_, 0u);
}

TEST_F(DiscoveryWithADeadNameServer, DoesNotKeepWhatIsKnownAlready) {
  times_.dns = 1h;
  config_.static_table = {{name_of("f@name.hangs"), listed_}};
  EXPECT_EQ(resolve(chain(), "f@name.hangs"), listed_);
  EXPECT_EQ(chain().pending(), 1u);
}

TEST_F(DiscoveryWithADeadNameServer, AsksTheNextBackendMeanwhile) {
  times_.dns = 1h;
  set_command("echo 10.0.0.7:7");
  config_.backends = {Backend::dns, Backend::command};
  std::optional<Addresses> answer;
  chain().resolve(name_of("f@name.hangs"), {}, [&](Addresses found) { answer = std::move(found); });
  EXPECT_TRUE(run_until([&] { return command_runs() == 1; }));
  EXPECT_FALSE(answer);
  name_server.set(false);
  EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
  EXPECT_EQ(answer, Addresses{by_command_});
}

}  // namespace
}  // namespace bp2p
