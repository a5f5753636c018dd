#include "daemon/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

Config good(std::string_view text) {
  auto loaded = parse_config(text, "test.toml");
  EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : loaded.error().text());
  return loaded ? loaded->config : Config{};
}
std::string trouble(std::string_view text) {
  const auto loaded = parse_config(text, "test.toml");
  return loaded ? "it was accepted" : loaded.error().text();
}
std::string trouble_with_set(std::string word) {
  const auto loaded = load_config({.file = "", .environment = {}, .sets = {std::move(word)}});
  return loaded ? "it was accepted" : loaded.error().text();
}
Config with_sets(std::vector<std::string> sets) {
  auto loaded = load_config({.file = "", .environment = {}, .sets = std::move(sets)});
  EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : loaded.error().text());
  return loaded ? loaded->config : Config{};
}

std::filesystem::path shipped() { return std::filesystem::path{BP2P_SOURCE_DIR} / "config/barrel-p2pd.toml"; }

TEST(ShippedConfiguration, IsWhatTheCodeWritesForItsDefaults) {
  EXPECT_EQ(file_text(shipped()), commented_config(Config{}))
      << "write it anew: barrel-p2pd config defaults >config/barrel-p2pd.toml";
}

TEST(ShippedConfiguration, ReadsAsTheDefaults) {
  const auto loaded = load_config({.file = shipped(), .environment = {}, .sets = {}});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->config == Config{});
}

TEST(ShippedConfiguration, SetsEveryKeyThatTheLoaderKnows) {
  const auto loaded = load_config({.file = shipped(), .environment = {}, .sets = {}});
  ASSERT_TRUE(loaded);
  for (const std::string& key : config_keys()) EXPECT_TRUE(loaded->origin.contains(key)) << key;
}

TEST(Configuration, IsTheDefaultsWithoutAFile) {
  EXPECT_TRUE(good("") == Config{});
  EXPECT_EQ(Config{}.host.listen.at(0).text(), "[::]:9100");
  EXPECT_EQ(Config{}.key_dir(), "/var/lib/barrel-p2p/keys");
}

TEST(Configuration, ReadsEveryKindOfValue) {
  const Config config = good(R"(
[host]
listen = ["10.0.0.5:9100", "[2001:db8::5]:0"]
state_dir = "/tmp/state"
[cluster]
name = "blue"
[auth]
trust_mode = "strict"
[auth.name_owners]
"app@db1" = 1000
"batch@db1" = [1001, "root"]
[discovery]
backends = ["dns"]
[discovery.static]
"app@db2" = "10.0.0.6:9100"
"app@db3" = ["10.0.0.7:9100", "[2001:db8::7]:9101"]
[dist]
lanes = "sender"
streams = 62
channel_buffer = "64KiB"
lane_window = 524288
[transport]
congestion = "bbr"
idle_timeout = "5m"
keep_alive = 250
max_udp_payload = 1452
gso = "off"
[log]
level = "debug"
format = "json"
)");
  ASSERT_EQ(config.host.listen.size(), 2u);
  EXPECT_EQ(config.host.listen[1].port, 0);
  EXPECT_EQ(config.key_dir(), "/tmp/state/keys");
  EXPECT_EQ(config.cluster.name, "blue");
  EXPECT_EQ(config.auth.trust_mode, Trust::strict);
  EXPECT_EQ(config.auth.name_owners.at(*NodeName::parse("batch@db1")), (std::vector<std::uint32_t>{1001, 0}));
  EXPECT_EQ(config.discovery.backends, std::vector{Backend::dns});
  EXPECT_EQ(config.discovery.static_table.at(*NodeName::parse("app@db3")).at(1).text(), "[2001:db8::7]:9101");
  EXPECT_EQ(config.dist.lanes, dist::LaneRule::sender);
  EXPECT_EQ(config.dist.streams, 62u);
  EXPECT_EQ(config.dist.channel_buffer, 65536u);
  EXPECT_EQ(config.dist.lane_window, 524288u);
  EXPECT_EQ(config.transport.congestion, Congestion::bbr);
  EXPECT_EQ(config.transport.idle_timeout, Duration{5min});
  EXPECT_EQ(config.transport.keep_alive, Duration{250ms});
  EXPECT_EQ(config.transport.max_udp_payload, 1452);
  EXPECT_EQ(config.transport.gso, Offload::off);
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_EQ(config.log.format, LogFormat::json);
}

TEST(Configuration, OfMembershipReachesTheCore) {
  EXPECT_EQ(MembershipConfig{}.for_core(), membership::Config{});
  membership::Config all;
  all.active_size = 7;
  all.passive_size = 40;
  all.arwl = 9;
  all.prwl = 4;
  all.shuffle_active = 5;
  all.shuffle_passive = 6;
  all.shuffle_period = 11s;
  all.keep_alive = 12s;
  all.pending_timeout = 1300ms;
  all.base_backoff = 140ms;
  all.max_fail_count = 15;
  all.passive_max_age = 16s;
  all.suspicion_min = 17s;
  EXPECT_EQ(good("[membership]\nactive_size = 7\npassive_size = 40\narwl = 9\nprwl = 4\nshuffle_length = 12\n"
                 "shuffle_period = \"11s\"\nkeep_alive = \"12s\"\npending_timeout_ms = 1300\nbase_backoff_ms = 140\n"
                 "max_fail_count = 15\npassive_max_age_ms = 16000\nsuspicion = \"17s\"\n")
                .membership.for_core(),
            all);
}

TEST(Configuration, WritesBackWhatItRead) {
  const Config config = good("[discovery.static]\n\"a@b\" = [\"[::1]:1\", \"127.0.0.1:2\"]\n[transport]\n"
                             "idle_timeout = 1500\nkeep_alive = 500\nmax_udp_payload = 1300\n"
                             "[host]\nstate_dir = \"/a \\\"b\\\\\"\n"
                             "[auth.name_owners]\n\"a@b\" = 7\n[dist]\nmax_frame = 100001\n");
  EXPECT_TRUE(good(commented_config(config)) == config) << commented_config(config);
}

// --- what an operator sees when it is wrong ---------------------------------------------------------

TEST(WrongConfiguration, PointsAtTheValueAndGuessesWhatWasMeant) {
  EXPECT_EQ(trouble("[auth]\n\n  trust_mode = \"tofuu\"\n"),
            "test.toml:3: auth.trust_mode\n"
            "    trust_mode = \"tofuu\"\n"
            "                 ^^^^^^^ expected \"tofu\" or \"strict\"; did you mean \"tofu\"?");
}

TEST(WrongConfiguration, PointsAtAnUnknownKeyAndNamesTheNearest) {
  EXPECT_EQ(trouble("[transport]\nidle_timout = \"30s\"\n"),
            "test.toml:2: transport.idle_timout\n"
            "    idle_timout = \"30s\"\n"
            "    ^^^^^^^^^^^ unknown key; did you mean \"idle_timeout\"?");
}

TEST(WrongConfiguration, KnowsWhenAKeyIsInTheWrongSection) {
  EXPECT_EQ(trouble("[host]\ngso = \"off\"\n"),
            "test.toml:2: host.gso\n"
            "    gso = \"off\"\n"
            "    ^^^ unknown key; did you mean \"gso\" in [transport]?");
}

TEST(WrongConfiguration, KnowsWhenAKeyHasNoSection) {
  EXPECT_EQ(trouble("trust_mode = \"tofu\"\n"),
            "test.toml:1: trust_mode\n"
            "    trust_mode = \"tofu\"\n"
            "    ^^^^^^^^^^ unknown key; did you mean \"trust_mode\" in [auth]?");
}

TEST(WrongConfiguration, NamesTheNearestSection) {
  EXPECT_EQ(trouble("[transprot]\ngso = \"off\"\n"),
            "test.toml:1: transprot\n"
            "    [transprot]\n"
            "     ^^^^^^^^^ unknown section; did you mean \"transport\"?");
}

TEST(WrongConfiguration, PointsIntoALongList) {
  EXPECT_EQ(trouble("[host]\nlisten = [\"[::]:9100\", \"localhost:9100\"]\n"),
            "test.toml:2: host.listen\n"
            "    listen = [\"[::]:9100\", \"localhost:9100\"]\n"
            "                           ^^^^^^^^^^^^^^^^ expected an IP address and a port, like \"10.0.0.6:9100\" or "
            "\"[2001:db8::7]:9100\"");
}

TEST(WrongConfiguration, SaysWhichRangeANumberHas) {
  EXPECT_EQ(trouble("[dist]\nstreams = 63\n"),
            "test.toml:2: dist.streams\n"
            "    streams = 63\n"
            "              ^^ expected a whole number from 1 to 62");
  EXPECT_THAT(trouble("[dist]\nstreams = -1\n"), HasSubstr("expected a whole number from 1 to 62"));
  EXPECT_THAT(trouble("[dist]\nstreams = \"8\"\n"), HasSubstr("expected a whole number from 1 to 62"));
  EXPECT_THAT(trouble("[discovery]\ndns_port = 0\n"), HasSubstr("expected a whole number from 1 to 65535"));
}

TEST(WrongConfiguration, SaysWhichTimesAndSizesThereAre) {
  EXPECT_EQ(trouble("[transport]\nidle_timeout = \"30 sec\"\n"),
            "test.toml:2: transport.idle_timeout\n"
            "    idle_timeout = \"30 sec\"\n"
            "                   ^^^^^^^^ expected a time from \"1s\" to \"1h\" (or an integer in milliseconds)");
  EXPECT_EQ(trouble("[dist]\nmax_frame = \"2GiB\"\n"),
            "test.toml:2: dist.max_frame\n"
            "    max_frame = \"2GiB\"\n"
            "                ^^^^^^ expected a size from \"64KiB\" to 2147483647 (or an integer in bytes)");
  for (const char* bad : {"\"\"", "\"s\"", "\"-1s\"", "\"99999999999999999999s\"", "\"9999999999h\"", "true", "1.5",
                          "[]"})
    EXPECT_THAT(trouble(std::string{"[transport]\nidle_timeout = "} + bad + "\n"), HasSubstr("expected a time")) << bad;
}

TEST(WrongConfiguration, PointsAtANameInATable) {
  EXPECT_EQ(trouble("[discovery.static]\n\"db2\" = \"10.0.0.6:9100\"\n"),
            "test.toml:2: discovery.static\n"
            "    \"db2\" = \"10.0.0.6:9100\"\n"
            "     ^^^ expected a node name, like \"app@db2\"");
  EXPECT_THAT(trouble("[discovery.static]\n\"app@db2\" = []\n"), HasSubstr("expected at least one address"));
  EXPECT_THAT(trouble("[auth.name_owners]\n\"app@db2\" = \"nobody-has-this-name\"\n"),
              HasSubstr("^^^^^^^^^^^^^^^^^^^^^^ expected a uid, or a user of this host"));
}

TEST(WrongConfiguration, ComparesKeysThatBelongTogether) {
  EXPECT_EQ(trouble("[transport]\nkeep_alive = \"40s\"\n"),
            "test.toml:2: transport.keep_alive\n"
            "    keep_alive = \"40s\"\n"
            "                 ^^^^^ expected keep_alive (\"40s\") to be at most a third of idle_timeout (\"30s\")");
  EXPECT_THAT(trouble("[transport]\nidle_timeout = \"5s\"\n"), HasSubstr("test.toml:2: transport.idle_timeout"));
  EXPECT_THAT(trouble("[transport]\nretry_above = 2000\n"), HasSubstr("to be at most half_open_max (1000)"));
  EXPECT_THAT(trouble("[host]\nnode_socket = \"/run/barrel-p2p/ctl.sock\"\n"), HasSubstr("to differ"));
}

TEST(WrongConfiguration, ListsEveryProblemInTheOrderOfTheFile) {
  const auto loaded = parse_config("[log]\nlevel = \"loud\"\n[dist]\nstreams = 0\nlane = 1\n", "test.toml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.error().all.size(), 3u);
  EXPECT_EQ(loaded.error().all[0].key, "log.level");
  EXPECT_EQ(loaded.error().all[1].key, "dist.streams");
  EXPECT_EQ(loaded.error().all[2].key, "dist.lane");
  EXPECT_EQ(loaded.error().all[2].line, 5u);
}

TEST(WrongConfiguration, PointsAtWhatIsNotToml) {
  EXPECT_THAT(trouble("[auth]\ntrust_mode = tofu\n"), ::testing::StartsWith("test.toml:2\n    trust_mode = tofu\n"));
  EXPECT_EQ(trouble("# a [comment\n[auth\n"), "test.toml:2\n    [auth\n    ^ not TOML: this bracket is not closed");
  EXPECT_EQ(trouble("[log]\nlevel = \"info\n"),
            "test.toml:2\n    level = \"info\n            ^ not TOML: this quote is not closed");
  EXPECT_THAT(trouble("# Late\xf2r\n"), HasSubstr("not TOML: expected UTF-8"));
  EXPECT_THAT(trouble("# a\x1b[2J\n"), HasSubstr("not TOML: expected no control characters"));
  EXPECT_THAT(trouble("a = [b = 1]\n"), HasSubstr("expected the end of the list before this"));
  EXPECT_THAT(trouble("a = [\"\\\"=[\"]\n"), HasSubstr("expected no escapes in a list"));
  EXPECT_THAT(trouble("a = ]\n"), HasSubstr("    a = ]\n        ^ not TOML: nothing that this bracket closes"));
  EXPECT_TRUE(parse_config("[cluster]\nname = \"\"\"a]\"b[\"\"\"\n[host]\nstate_dir = '''\\['''\n", "quotes.toml"));
  EXPECT_THAT(trouble("[auth]\ntrust_mode = \"tofu\"\ntrust_mode = \"tofu\"\n"), HasSubstr("not TOML"));
}

TEST(WrongConfiguration, IsRefusedBeforeItCanBeDeeperOrLongerThanTheParserShouldSee) {
  EXPECT_THAT(trouble("a = " + std::string(100'000, '{')), HasSubstr("expected less nesting"));
  EXPECT_THAT(trouble("a = " + std::string(100'000, '[')), HasSubstr("expected no list in a list"));
  EXPECT_THAT(trouble("a = [[[[[[[[[[][[[ \"8M[iB\",\n# GiB\"[[["), HasSubstr("expected no list in a list"));
  EXPECT_TRUE(parse_config("discovery = {static = {\"a@b\" = [\"[::1]:1\"]}}", "deep.toml"));
  std::string dotted = "a";
  for (int i = 0; i < 10'000; ++i) dotted += ".a";
  EXPECT_THAT(trouble(dotted + " = 1"), HasSubstr("expected less nesting"));
  EXPECT_THAT(trouble(std::string(2 << 20, '#')), HasSubstr("expected at most 1 MiB"));
}

TEST(WrongConfiguration, NamesAFileThatCannotBeRead) {
  const TemporaryDirectory here;
  const auto missing = load_config({.file = here / "none.toml", .environment = {}, .sets = {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(), (here / "none.toml").string() + ": there is no such file");
  const auto directory = load_config({.file = here.path(), .environment = {}, .sets = {}});
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().text(), HasSubstr("this is a directory"));
}

// --- the layers ----------------------------------------------------------------------------------------

TEST(ConfigurationLayers, LetTheLaterOneWinAndRememberWhereAValueComesFrom) {
  const TemporaryDirectory here;
  std::filesystem::create_directory(here / "conf.d");
  write_text(here / "a.toml", "[cluster]\nname = \"file\"\n[log]\nlevel = \"error\"\n[dist]\nstreams = 1\n"
                              "[discovery.static]\n\"a@b\" = \"10.0.0.1:1\"\n\"c@d\" = \"10.0.0.2:1\"\n");
  write_text(here / "conf.d/10.toml", "[cluster]\nname = \"fragment 10\"\n"
                                      "[discovery.static]\n\"a@b\" = \"10.0.0.9:1\"\n");
  write_text(here / "conf.d/20.toml", "[cluster]\nname = \"fragment 20\"\n");
  write_text(here / "conf.d/30.txt", "not read\n");
  const auto loaded = load_config({.file = here / "a.toml",
                                   .environment = {{"BARREL_P2P_LOG__LEVEL", "debug"},
                                                   {"BARREL_P2P_DIST__STREAMS", "2"}},
                                   .sets = {"dist.streams=3"}});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->config.cluster.name, "fragment 20");
  EXPECT_EQ(loaded->config.log.level, LogLevel::debug);
  EXPECT_EQ(loaded->config.dist.streams, 3u);
  EXPECT_EQ(loaded->config.discovery.static_table.at(*NodeName::parse("a@b")).at(0).text(), "10.0.0.9:1");
  EXPECT_EQ(loaded->config.discovery.static_table.at(*NodeName::parse("c@d")).at(0).text(), "10.0.0.2:1");
  EXPECT_EQ(loaded->origin.at("cluster.name"), (here / "conf.d/20.toml").string() + ":2");
  EXPECT_EQ(loaded->origin.at("log.level"), "environment BARREL_P2P_LOG__LEVEL");
  EXPECT_EQ(loaded->origin.at("dist.streams"), "--set");
  EXPECT_FALSE(loaded->origin.contains("host.listen"));
  EXPECT_THAT(shown_config(*loaded), HasSubstr("dist.streams = 3  # --set\n"));
  EXPECT_THAT(shown_config(*loaded), HasSubstr("transport.gso = \"auto\"  # default\n"));
}

TEST(ConfigurationLayers, TakeTextWithoutQuotesOnTheCommandLine) {
  EXPECT_EQ(with_sets({"auth.trust_mode=strict"}).auth.trust_mode, Trust::strict);
  EXPECT_EQ(with_sets({"auth.trust_mode=\"strict\""}).auth.trust_mode, Trust::strict);
  EXPECT_EQ(with_sets({"cluster.name=8"}).cluster.name, "8");
  EXPECT_EQ(with_sets({"host.listen=127.0.0.1:0"}).host.listen.at(0).text(), "127.0.0.1:0");
  EXPECT_EQ(with_sets({"host.listen=[\"127.0.0.1:1\", \"[::1]:2\"]"}).host.listen.size(), 2u);
  EXPECT_EQ(with_sets({"host.state_dir=/a=b"}).host.state_dir, "/a=b");
  EXPECT_EQ(with_sets({"transport.idle_timeout=2m"}).transport.idle_timeout, Duration{2min});
}

TEST(ConfigurationLayers, SetOneEntryOfATable) {
  const Config config = with_sets({"discovery.static.app@db2.example.com=10.0.0.6:9100", "auth.name_owners.a@b=5"});
  EXPECT_EQ(config.discovery.static_table.at(*NodeName::parse("app@db2.example.com")).at(0).text(), "10.0.0.6:9100");
  EXPECT_EQ(config.auth.name_owners.at(*NodeName::parse("a@b")), std::vector<std::uint32_t>{5});
}

TEST(ConfigurationLayers, SayWhatIsWrongOnTheCommandLine) {
  EXPECT_EQ(trouble_with_set("auth.trust_mode=tofuu"),
            "--set: auth.trust_mode\n"
            "    tofuu\n"
            "    ^^^^^ expected \"tofu\" or \"strict\"; did you mean \"tofu\"?");
  EXPECT_THAT(trouble_with_set("auth.trust_mod=tofu"), HasSubstr("unknown key; did you mean \"trust_mode\"?"));
  EXPECT_THAT(trouble_with_set("aut.x=tofu"), HasSubstr("unknown section; did you mean \"auth\"?"));
  EXPECT_THAT(trouble_with_set("strict"), HasSubstr("expected section.key=value"));
  EXPECT_THAT(trouble_with_set("discovery.static.nohost=10.0.0.6:9100"), HasSubstr("expected a node name"));
  const auto loaded = load_config({.file = "", .environment = {{"BARREL_P2P_DIST__LANES", "x"}}, .sets = {}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text(),
              HasSubstr("environment BARREL_P2P_DIST__LANES: dist.lanes\n    x\n    ^ expected"));
}

TEST(ConfigurationLayers, RefuseAVariableThatIsNoKeyAndNoneOfTheTools) {
  const auto trouble = [](const std::string& variable) {
    const auto loaded = load_config({.file = "", .environment = {{variable, "strict"}}, .sets = {}});
    return loaded ? "" : loaded.error().text();
  };
  EXPECT_EQ(trouble("BARREL_P2P_AUTH_TRUST_MODE"),
            "environment\n"
            "    BARREL_P2P_AUTH_TRUST_MODE\n"
            "    ^^^^^^^^^^^^^^^^^^^^^^^^^^ unknown variable; did you mean BARREL_P2P_AUTH__TRUST_MODE?");
  EXPECT_THAT(trouble("BARREL_P2P_FOO"), HasSubstr("unknown variable; a key's is BARREL_P2P_<SECTION>__<KEY>"));
  EXPECT_THAT(trouble("BARREL_P2P_WAIT_SM"), HasSubstr("did you mean BARREL_P2P_WAIT_MS?"));
  EXPECT_THAT(trouble("BARREL_P2P_AUTH__FOO"), HasSubstr("unknown key"));
  for (const char* variable : {"BARREL_P2P_SOCKET", "BARREL_P2P_WAIT_MS", "BARREL_P2P_DAEMON_USER", "BARREL_P2P_EBIN"})
    EXPECT_EQ(trouble(variable), "");
}

TEST(ConfigurationLayers, TakeListsBetweenCommas) {
  EXPECT_EQ(with_sets({"discovery.backends=dns,static"}).discovery.backends, (std::vector{Backend::dns, Backend::static_table}));
  EXPECT_EQ(with_sets({"host.listen=127.0.0.1:1, [::1]:2"}).host.listen.size(), 2u);
  EXPECT_EQ(with_sets({"discovery.static.a@b=10.0.0.1:1,10.0.0.2:1"}).discovery.static_table.begin()->second.size(), 2u);
  EXPECT_EQ(with_sets({"cluster.name=a,b"}).cluster.name, "a,b");
  EXPECT_THAT(trouble_with_set("discovery.backends=dns,statik"), HasSubstr("expected \"static\", \"peers\", \"file\", \"dns\" or \"command\""));
}

TEST(ConfigurationLayers, RememberTheLineOfEachEntryOfATable) {
  const TemporaryDirectory here;
  write_text(here / "a.toml", "[discovery.static]\n\"a@b\" = \"10.0.0.1:1\"\n\"c@d\" = \"10.0.0.2:1\"\n");
  const auto loaded = load_config({.file = here / "a.toml", .environment = {}, .sets = {"discovery.static.e@f=10.0.0.3:1"}});
  ASSERT_TRUE(loaded) << loaded.error().text();
  const std::string shown = shown_config(*loaded), file = (here / "a.toml").string();
  EXPECT_THAT(shown, HasSubstr("discovery.static.\"a@b\" = [\"10.0.0.1:1\"]  # " + file + ":2\n"));
  EXPECT_THAT(shown, HasSubstr("discovery.static.\"c@d\" = [\"10.0.0.2:1\"]  # " + file + ":3\n"));
  EXPECT_THAT(shown, HasSubstr("discovery.static.\"e@f\" = [\"10.0.0.3:1\"]  # --set\n"));
}

TEST(WrongConfiguration, SaysThatANameWantsQuotes) {
  const auto loaded = parse_config("[discovery.static]\n  app@bbb = \"10.0.0.6:9100\"\n", "a.toml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().text(),
            "a.toml:2\n    app@bbb = \"10.0.0.6:9100\"\n    ^^^^^^^ put the name in quotes: \"app@bbb\"");
}

TEST(WrongConfiguration, KnowsAKeyByItsBeginning) {
  EXPECT_THAT(trouble_with_set("auth.trust=strict"), HasSubstr("unknown key; did you mean \"trust_mode\"?"));
}

// --- backends of discovery and what they need -----------------------------------------------------------------

TEST(DiscoveryConfiguration, HasAllBackends) {
  const Config config = good("[discovery]\nbackends = [\"command\", \"dns\", \"file\", \"peers\", \"static\"]\n"
                             "directory = \"/srv/p2p\"\ncommand = [\"/usr/local/bin/find-node\", \"--zone\", \"--zone\", \"\"]\n");
  EXPECT_EQ(config.discovery.backends, (std::vector{Backend::command, Backend::dns, Backend::file, Backend::peers, Backend::static_table}));
  EXPECT_EQ(config.discovery.directory, "/srv/p2p");
  EXPECT_EQ(config.discovery.command, (std::vector<std::string>{"/usr/local/bin/find-node", "--zone", "--zone", ""}));
  EXPECT_TRUE(good(commented_config(config)) == config);
  EXPECT_EQ(with_sets({"discovery.backends=static,command", "discovery.command=/bin/find node"}).discovery.command,
            std::vector<std::string>{"/bin/find node"});
  EXPECT_EQ(with_sets({"discovery.backends=command", "discovery.command=[\"/bin/a\", \"b\"]"}).discovery.command.size(), 2u);
}

TEST(DiscoveryConfiguration, NeedsTheKeyOfABackend) {
  EXPECT_EQ(trouble("[discovery]\nbackends = [\"static\", \"file\"]\n"),
            "test.toml:2: discovery.backends\n"
            "    backends = [\"static\", \"file\"]\n"
            "               ^^^^^^^^^^^^^^^^^^ \"file\" needs discovery.directory, which is not set");
  EXPECT_THAT(trouble("[discovery]\nbackends = \"command\"\ncommand = []\n"),
              HasSubstr("test.toml:2: discovery.backends\n    backends = \"command\"\n"
                        "               ^^^^^^^^^ \"command\" needs discovery.command, which is not set"));
}

TEST(DiscoveryConfiguration, DoesNotPassOverAKeyThatNobodyUses) {
  EXPECT_THAT(trouble("[discovery]\ndirectory = \"/srv/p2p\"\n"),
              HasSubstr("test.toml:2: discovery.directory\n    directory = \"/srv/p2p\"\n"
                        "                ^^^^^^^^^^ expected \"file\" in discovery.backends, or this is never used"));
  EXPECT_THAT(trouble_with_set("discovery.command=/bin/find-node"), HasSubstr("expected \"command\" in discovery.backends"));
}

TEST(DiscoveryConfiguration, WantsAnAbsolutePathForTheCommand) {
  EXPECT_THAT(trouble("[discovery]\ncommand = [\"find-node\"]\n"), HasSubstr("^^^^^^^^^^^ expected the program by its absolute path"));
  EXPECT_THAT(trouble("[discovery]\ncommand = [\"/bin/find-node\", 1]\n"), HasSubstr("^ expected a program and its arguments"));
  EXPECT_THAT(trouble("[discovery]\ncommand = 5\n"), HasSubstr("^ expected a program and its arguments"));
  EXPECT_THAT(trouble("[discovery]\nbackends = [\"statics\"]\n"), HasSubstr("did you mean \"static\"?"));
}

}  // namespace
}  // namespace bp2p
