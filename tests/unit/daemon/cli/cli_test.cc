#include "daemon/cli/cli.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <thread>

#include "daemon/cli/cluster_drawing.h"
#include "daemon/cli/codes.h"
#include "daemon/cli/event_line.h"
#include "daemon/cli/events.h"
#include "daemon/cli/graph_drawing.h"
#include "daemon/cli/peers_screen.h"
#include "daemon/cli/status_screen.h"
#include "daemon/cli/text_table.h"
#include "daemon/control/server.h"
#include "daemon/crypto.h"
#include "daemon/files/identity.h"
#include "daemon/files/trusted_keys.h"
#include "proto/wire/codes.h"
#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using testing::file_text;
using testing::write_text;

struct Outcome {
  int code;
  std::string out, err;
};

class CommandLine : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(config_, "[host]\nstate_dir = \"" + here_.path().string() + "\"\n" +
                            "control_socket = \"" + socket_.string() + "\"\n");
  }
  Outcome call(std::vector<std::string> words) {
    words.insert(words.begin(), "barrel-p2pd");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = cli_main(static_cast<int>(argv.size()), argv.data(), [this](const RunOptions& options) {
      ran_ = options;
      return 7;
    });
    std::cout.flush();
    return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
  }
  Outcome call_with_config(std::vector<std::string> words) {
    words.insert(words.end(), {"--config", config_.string()});
    return call(std::move(words));
  }

  TemporaryDirectory here_;
  std::filesystem::path config_ = here_ / "a.toml", socket_ = here_ / "ctl.sock";
  std::optional<RunOptions> ran_;
};

// --- run, config, version ---------------------------------------------------------------------------------

TEST_F(CommandLine, RunsTheDaemonWithItsConfiguration) {
  EXPECT_EQ(call_with_config({"run", "--set", "cluster.name=blue"}).code, 7);
  ASSERT_TRUE(ran_);
  EXPECT_EQ(ran_->config.cluster.name, "blue");
  EXPECT_EQ(ran_->config.host.state_dir, here_.path());
  EXPECT_EQ(ran_->config_file, config_);
}

TEST_F(CommandLine, OnlyChecksWhenAskedTo) {
  const Outcome outcome = call_with_config({"run", "--check"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "the configuration is good\n");
  EXPECT_FALSE(ran_);
}

TEST_F(CommandLine, EndsWith78AndAReasonWhenTheConfigurationIsWrong) {
  write_text(config_, "[auth]\ntrust_mode = \"tofuu\"\n");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run"}, {"run", "--check"}, {"config", "check"}, {"config", "show"}, {"status"},
        {"keys", "list"}, {"keys", "unpin", "a@b"}}) {
    const Outcome outcome = call_with_config(words);
    EXPECT_EQ(outcome.code, 78);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, config_.string() + ":2: auth.trust_mode\n    trust_mode = \"tofuu\"\n" +
                               "                 ^^^^^^^ expected \"tofu\" or \"strict\"; did you mean \"tofu\"?\n");
  }
  EXPECT_FALSE(ran_);
}

TEST_F(CommandLine, EndsWith78WhenTheFileIsNotThere) {
  const Outcome outcome = call({"run", "--config", (here_ / "none.toml").string()});
  EXPECT_EQ(outcome.code, 78);
  EXPECT_THAT(outcome.err, HasSubstr("none.toml: there is no such file"));
}

TEST_F(CommandLine, ShowsTheDefaultsAndWhatIsInEffect) {
  EXPECT_EQ(call({"config", "defaults"}).out, commented_config(Config{}));
  EXPECT_THAT(call_with_config({"config", "show"}).out,
              HasSubstr("host.state_dir = \"" + here_.path().string() + "\"  # " + config_.string() + ":2\n"));
}

TEST_F(CommandLine, PrintsTheVersion) {
  EXPECT_EQ(call({"version"}).out, "barrel-p2pd " BP2P_VERSION "\n");
  EXPECT_EQ(call({"--version"}).out, "barrel-p2pd " BP2P_VERSION "\n");
  EXPECT_EQ(call({"--version"}).code, 0);
}

TEST_F(CommandLine, KnowsWhatVerbWasMeant) {
  EXPECT_EQ(call({"statu"}).err, "barrel-p2pd: unknown command \"statu\"; did you mean \"status\"?\n");
  EXPECT_EQ(call({"keys", "lits"}).err, "barrel-p2pd keys: unknown command \"lits\"; did you mean \"list\"?\n");
  EXPECT_THAT(call({"nonsense"}).err, HasSubstr("there are run, status, peers, members, graph, events, join, leave, keys, config, explain, version\n"));
  EXPECT_EQ(call({"nonsense"}).code, 64);
  EXPECT_THAT(call({"keys"}).err, HasSubstr("which one? show, list, pin, unpin"));
  EXPECT_THAT(call({"config"}).err, HasSubstr("which one? check, show, defaults; `barrel-p2pd config --help`"));
}

TEST_F(CommandLine, HelpsWithEverythingAtOnce) {
  const Outcome outcome = call({"--help-all"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* word : {"--check", "--json", "--socket", "unpin", "defaults", "--set KEY=VALUE"})
    EXPECT_THAT(outcome.out, HasSubstr(word));
}

TEST_F(CommandLine, EndsWith64WhenTheWordsAreWrong) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"rnu"}, {"status", "--jsn"}, {"keys"}, {"keys", "pin"}, {"keys", "pin", "a@b"},
        {"config"}, {"run", "--config"}}) {
    const Outcome outcome = call(words);
    EXPECT_EQ(outcome.code, 64);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err, "");
  }
}

TEST_F(CommandLine, HelpsOnStdout) {
  const Outcome outcome = call({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* verb : {"run", "status", "keys", "config", "explain", "version"})
    EXPECT_THAT(outcome.out, HasSubstr(std::string{"\n  "} + verb + " "));
}

// --- keys -----------------------------------------------------------------------------------------------------

TEST_F(CommandLine, ShowsTheKeyOnceThereIsOne) {
  EXPECT_EQ(call_with_config({"keys", "show"}).code, 68);
  const auto keys = load_or_make_identity(here_ / "keys");
  ASSERT_TRUE(keys);
  const Outcome outcome = call_with_config({"keys", "show"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, fingerprint(keys->public_key()) + "\n" + hex(keys->public_key()) + "\n");
  write_text(here_ / "keys/node.pub", "short");
  EXPECT_EQ(call_with_config({"keys", "show"}).code, 65);
}

TEST_F(CommandLine, PinsAKeyFromAFileOrFromDigitsAndTakesItBack) {
  const PublicKey first = KeyPair::generate().public_key(), second = KeyPair::generate().public_key();
  write_text(here_ / "peer.pub", as_text(first.bytes));
  const Outcome pinned = call_with_config({"keys", "pin", "app@db2", (here_ / "peer.pub").string()});
  EXPECT_EQ(pinned.code, 0) << pinned.err;
  EXPECT_EQ(pinned.out, "app@db2 is pinned to " + fingerprint(first) + "\n");
  EXPECT_EQ(call_with_config({"keys", "list"}).out, "NAME     KEY\napp@db2  " + fingerprint(first) + "\n");
  EXPECT_EQ(call_with_config({"keys", "pin", "app@db2", hex(second)}).code, 0);
  EXPECT_EQ(TrustedKeys::open(here_ / "keys")->read(*NodeName::parse("app@db2")), PinRead{second});
  const auto json = nlohmann::json::parse(call_with_config({"keys", "list", "--json"}).out);
  EXPECT_EQ(json["schema"], "barrel-p2pd/keys-list/1");
  EXPECT_EQ(json["pins"][0]["key"], hex(second));
  EXPECT_EQ(call_with_config({"keys", "unpin", "app@db2"}).code, 0);
  EXPECT_EQ(call_with_config({"keys", "unpin", "app@db2"}).code, 68);
  EXPECT_EQ(call_with_config({"keys", "list"}).out, "no pins\n");
}

TEST_F(CommandLine, RefusesWhatIsNeitherANameNorAKey) {
  EXPECT_EQ(call_with_config({"keys", "pin", "../x", std::string(64, 'a')}).code, 65);
  EXPECT_EQ(call_with_config({"keys", "unpin", "nohost"}).code, 65);
  const Outcome print = call_with_config({"keys", "pin", "app@db2", "SHA256:" + std::string(43, 'a')});
  EXPECT_EQ(print.code, 65);
  EXPECT_THAT(print.err, HasSubstr("a fingerprint is not enough"));
  EXPECT_EQ(call_with_config({"keys", "pin", "app@db2", (here_ / "none").string()}).code, 68);
  write_text(here_ / "short.pub", "short");
  EXPECT_EQ(call_with_config({"keys", "pin", "app@db2", (here_ / "short.pub").string()}).code, 65);
  EXPECT_EQ(call_with_config({"keys", "list"}).out, "no pins\n");
}

TEST_F(CommandLine, ListsAPinThatWentMissingAndSaysWhich) {
  ASSERT_EQ(call_with_config({"keys", "pin", "app@db2", std::string(64, 'a')}).code, 0);
  std::filesystem::remove(here_ / "keys/trusted/app@db2.pub");
  const Outcome outcome = call_with_config({"keys", "list"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("keys/trusted/app@db2.pub: the pin of app@db2"));
}

// --- status ---------------------------------------------------------------------------------------------------

class RunningDaemon {  // as far as its control socket goes
 public:
  RunningDaemon(const std::filesystem::path& socket, nlohmann::ordered_json status) {
    control::Subject subject;
    subject.status = [status] { return status; };
    run(socket, std::move(subject));
  }
  RunningDaemon(const std::filesystem::path& socket, control::Subject subject) { run(socket, std::move(subject)); }
  ~RunningDaemon() {
    io_.stop();
    thread_.join();
  }
  /// Says the events once somebody follows, and then closes all connections.
  void tell_and_close(std::vector<std::pair<Severity, std::string>> events) {
    boost::asio::post(io_, [this, events = std::move(events)] { tell_when_followed(events); });
  }

 private:
  void run(const std::filesystem::path& socket, control::Subject subject) {
    auto server = control::Server::listen(io_, socket, control::Routes{std::move(subject)});
    if (!server) throw std::runtime_error{server.error()};
    server_ = std::move(*server);
    thread_ = std::thread{[this] {
      const auto work = boost::asio::make_work_guard(io_);
      io_.run();
    }};
  }
  void tell_when_followed(const std::vector<std::pair<Severity, std::string>>& events) {
    if (server_->followers() == 0) {
      wait_.expires_after(std::chrono::milliseconds{1});
      wait_.async_wait([this, events](const boost::system::error_code&) { tell_when_followed(events); });
      return;
    }
    for (const auto& [severity, json] : events) server_->tell(severity, json);
    close_after(100);
  }
  /// What is written has left when the handlers that are queued by then have run.
  void close_after(int turns) {
    if (turns == 0) return server_.reset();
    boost::asio::post(io_, [this, turns] { close_after(turns - 1); });
  }

  boost::asio::io_context io_;
  boost::asio::steady_timer wait_{io_};
  std::unique_ptr<control::Server> server_;
  std::thread thread_;
};

TEST_F(CommandLine, EndsWith69WithoutADaemon) {
  const Outcome outcome = call_with_config({"status"});
  EXPECT_EQ(outcome.code, 69);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("no daemon answers on " + socket_.string()));
}

TEST_F(CommandLine, ShowsTheStatusAsItCameOrAsAScreen) {
  const nlohmann::ordered_json status{{"schema", "barrel-p2pd/status/1"}, {"host", "db1"}, {"state", "ready"}};
  const RunningDaemon daemon{socket_, status};
  EXPECT_EQ(call_with_config({"status", "--json"}).out, status.dump(2) + "\n");
  const Outcome screen = call({"status", "--socket", socket_.string()});
  EXPECT_EQ(screen.code, 0) << screen.err;
  EXPECT_THAT(screen.out, StartsWith("db1  barrel-p2pd -  up -  ready\n"));
}

TEST_F(CommandLine, EndsWith65WhenTheAnswerIsSomethingElse) {
  const RunningDaemon daemon{socket_, {{"schema", "barrel-p2pd/status/2"}}};
  EXPECT_EQ(call_with_config({"status"}).code, 65);
}

TEST(StatusScreen, ShowsTheGoldenStatus) {
  const auto status = nlohmann::ordered_json::parse(
      file_text(std::string{BP2P_SOURCE_DIR} + "/tests/unit/daemon/control/status.golden.json"));
  EXPECT_EQ(cli::status_screen(status),
            "db1  barrel-p2pd 0.1.0  up 3d 4h  ready\n"
            "key SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU  trust tofu, 12 pins  cluster default\n"
            "udp [::]:9100 -> 10.0.0.5:9100\n"
            "neighbours 1 of 5, 2 spares, 5 members (1 suspected, 2 down)\n"
            "\n"
            "NODES HERE  SINCE  CHANNELS   UID  PID\n"
            "app@db1     3d 3h         2  1000   70\n"
            "(no name)   5m            0  1000   77  hidden, does not listen\n"
            "\n"
            "PEERS               ADDRESS                RTT   LOSS   MTU       IN        OUT  SINCE  KEY\n"
            "app@db2             10.0.0.6:9100       0.4 ms  0.2 %  8952  1.1 MiB  921.6 KiB  3d 2h  "
            "SHA256:+EnWcyX6zwQXe8ZjstxUQFGDHFie9YHUEvLrpEg053w\n"
            "(not admitted yet)  [2001:db8::7]:9100       -      -     -        -          -  2s     "
            "SHA256:cs1uhCLEB/ttCYaQ8RMLfe1+wvf14dML2dUh8BU2N5M\n"
            "\n"
            "CHANNELS  TO             IN      OUT    QUEUE  SINCE\n"
            "app@db1   app@db2    1000 B  2.0 KiB  1.2 MiB  3d 2h  slow reader for 12s\n"
            "app@db1   (no name)       -        -        -  5m     on this host\n"
            "\n"
            "NOT REACHED\n"
            "  app@db5  next try in 4s, 3 failed: 10.0.0.7:9100: no answer\n");
}

// --- the overlay ------------------------------------------------------------------------------------------------

nlohmann::ordered_json golden(const std::string& name) {
  return nlohmann::ordered_json::parse(
      file_text(std::string{BP2P_SOURCE_DIR} + "/tests/unit/daemon/control/" + name + ".golden.json"));
}

/// The screen as it is in a file beside this one; BP2P_REWRITE=1 writes the file anew.
void expect_screen(const std::string& name, const std::string& screen) {
  const std::string path = std::string{BP2P_SOURCE_DIR} + "/tests/unit/daemon/cli/" + name + ".golden.txt";
  if (std::getenv("BP2P_REWRITE")) write_text(path, screen);
  EXPECT_EQ(file_text(path), screen);
}

TEST(OverlayScreens, AreTheGoldenFiles) {
  expect_screen("peers", cli::peers_screen(golden("peers")));
  expect_screen("peer", cli::peer_screen(golden("peer")));
  expect_screen("members", cli::members_screen(golden("members")));
  expect_screen("graph", cli::graph_text(golden("graph")));
  expect_screen("graph_dot", cli::graph_dot(golden("graph")));
  expect_screen("graph_svg", cli::graph_svg(golden("graph")));
  expect_screen("cluster_graph", cli::cluster_text(golden("cluster_graph")));
  expect_screen("cluster_graph_dot", cli::cluster_dot(golden("cluster_graph")));
  expect_screen("cluster_graph_svg", cli::cluster_svg(golden("cluster_graph")));
}

TEST(OverlayScreens, StandAnyJsonAndLetNoControlCharacterThrough) {
  const std::string bad = "\x1b]0;x\a\n\"<&\\";
  const nlohmann::ordered_json peer{{"names", {bad}}, {"fingerprint", bad}, {"role", bad}, {"direction", bad}, {"address", bad},
                                    {"member", bad}, {"status", bad}, {"addresses", {bad}}, {"code", bad}, {"result", bad}};
  const nlohmann::ordered_json whole{{"peers", {peer}}, {"members", {peer}}, {"daemons", {peer}}, {"attempts", {peer}},
                                     {"neighbours", {peer}}, {"self", peer}, {"cluster", bad}, {"peer", bad}, {bad, bad},
                                     {"links", {{{"from", bad}, {"to", bad}, {"one_sided", true}}}}, {"counts", {{"links", bad}}}};
  for (const auto& screen : {cli::peers_screen, cli::peer_screen, cli::members_screen, cli::graph_text, cli::graph_dot, cli::graph_svg, cli::cluster_text,
                             cli::cluster_dot, cli::cluster_svg, cli::event_line}) {
    for (const char* text : {"null", "[]", "{}", "3", "{\"peers\":3,\"members\":{},\"daemons\":[null,3],\"attempts\":[[]],\"neighbours\":[7]}",
                             "{\"daemons\":[{\"names\":[7]},{}],\"links\":[3,{\"from\":\"-\",\"to\":\"-\"}],\"counts\":{\"members\":1e300}}",
                             "{\"peers\":[null],\"members\":[3],\"counts\":[],\"trying\":3,\"self\":4}"})
      EXPECT_NO_THROW(screen(nlohmann::ordered_json::parse(text))) << text;
    for (const char c : screen(whole)) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  }
  EXPECT_EQ(cli::graph_svg(whole).find("<&"), std::string::npos);
  EXPECT_EQ(cli::cluster_svg(whole).find("<&"), std::string::npos);
}

TEST_F(CommandLine, ShowsPeersMembersAndTheGraph) {
  control::Subject subject;
  subject.peers = [] { return golden("peers"); };
  subject.members = [] { return golden("members"); };
  subject.graph = [] { return golden("graph"); };
  subject.cluster_graph = [](auto done) { done(golden("cluster_graph")); };
  subject.peer = [](std::string_view whom) -> std::optional<nlohmann::ordered_json> {
    return whom == "app@db2" || whom == "SHA256:a/b+c" ? std::optional{golden("peer")} : std::nullopt;
  };
  const RunningDaemon daemon{socket_, std::move(subject)};
  for (const char* view : {"peers", "members", "graph"})
    EXPECT_EQ(call_with_config({view, "--json"}).out, golden(view).dump(2) + "\n");
  EXPECT_EQ(call_with_config({"graph", "--format", "json"}).out, golden("graph").dump(2) + "\n");
  EXPECT_THAT(call_with_config({"graph", "--format", "dot"}).out, StartsWith("graph \"default\" {\n"));
  EXPECT_THAT(call_with_config({"graph", "--format", "svg"}).out, StartsWith("<svg "));
  EXPECT_EQ(call_with_config({"graph", "--format", "png"}).code, 64);
  EXPECT_EQ(call_with_config({"graph", "--cluster", "--json"}).out, golden("cluster_graph").dump(2) + "\n");
  EXPECT_EQ(call_with_config({"graph", "--cluster"}).out, cli::cluster_text(golden("cluster_graph")));
  EXPECT_EQ(call_with_config({"graph", "--cluster", "--format", "dot"}).out, cli::cluster_dot(golden("cluster_graph")));
  EXPECT_EQ(call_with_config({"graph", "--cluster", "--format", "svg"}).out, cli::cluster_svg(golden("cluster_graph")));
  EXPECT_EQ(call_with_config({"peers"}).out, cli::peers_screen(golden("peers")));
  EXPECT_EQ(call_with_config({"members"}).out, cli::members_screen(golden("members")));
  EXPECT_EQ(call_with_config({"peers", "app@db2"}).out, cli::peer_screen(golden("peer")));
  EXPECT_EQ(call_with_config({"peers", "SHA256:a/b+c", "--json"}).out, golden("peer").dump(2) + "\n");

  const Outcome unknown = call_with_config({"peers", "app@db9"});
  EXPECT_EQ(unknown.code, 68);
  EXPECT_EQ(unknown.err, "barrel-p2pd: app@db9: nothing is known of it here, and nothing was tried\n");
  const Outcome bad = call_with_config({"peers", "db9"});
  EXPECT_EQ(bad.code, 65);
  EXPECT_THAT(bad.err, HasSubstr("comes a node name, app@host"));
}

TEST_F(CommandLine, WatchesUntilTheDaemonHasSomethingElseToSay) {
  control::Subject subject;
  subject.members = [asked = 0]() mutable {
    return ++asked < 4 ? nlohmann::ordered_json{{"schema", "barrel-p2pd/members/1"}, {"asked", asked}}
                       : nlohmann::ordered_json{{"schema", "barrel-p2pd/members/2"}};
  };
  const RunningDaemon daemon{socket_, std::move(subject)};
  const Outcome outcome = call_with_config({"members", "--watch", "--every", "0.01", "--json"});
  EXPECT_EQ(outcome.code, 65);
  EXPECT_EQ(outcome.out, "{\"schema\":\"barrel-p2pd/members/1\",\"asked\":1}\n{\"schema\":\"barrel-p2pd/members/1\",\"asked\":2}\n"
                         "{\"schema\":\"barrel-p2pd/members/1\",\"asked\":3}\n");
}

TEST_F(CommandLine, ShowsAndFollowsEvents) {
  control::Subject subject;
  subject.events = [] {
    return nlohmann::ordered_json{{"schema", "barrel-p2pd/events/1"},
                                  {"events", {{{"time", "T"}, {"level", "info"}, {"event", "a.b"}, {"text", "so it is"}, {"key", "v"}}}}};
  };
  RunningDaemon daemon{socket_, std::move(subject)};
  EXPECT_EQ(call_with_config({"events"}).out, "T info a.b  so it is key=\"v\"\n");
  EXPECT_EQ(nlohmann::json::parse(call_with_config({"events", "--json"}).out).at("events").at(0).at("event"), "a.b");
  daemon.tell_and_close({{Severity::info, R"({"time":"T","level":"info","event":"a.b","text":"x\ny"})"},
                         {Severity::debug, R"({"event":"not.told"})"},
                         {Severity::error, R"({"time":"U","level":"error","event":"c.d","text":"z"})"}});
  const Outcome outcome = call_with_config({"events", "-f"});
  EXPECT_EQ(outcome.code, 69);
  EXPECT_EQ(outcome.out, "T info a.b  x?y\nU error c.d  z\n");
  EXPECT_THAT(outcome.err, HasSubstr("has ended the connection"));
  EXPECT_EQ(call_with_config({"events", "-f"}).code, 69) << "nobody is there";
  EXPECT_EQ(call_with_config({"events", "-f", "--level", "loud"}).code, 64);
}

/// A daemon whose join comes to what a test says.
struct JoinScript {
  bool was_joined = false;
  std::size_t polls_until_done = 2;
  nlohmann::ordered_json attempt = nullptr;  ///< the last one, when it is done
  std::size_t neighbours = 0;                ///< when it is done
  std::shared_ptr<std::vector<std::string>> contacts = std::make_shared<std::vector<std::string>>();

  control::Subject subject() const {
    control::Subject out;
    const auto polls = std::make_shared<std::size_t>(0);
    out.uid = ::geteuid();
    out.join = [all = contacts, was = was_joined](const JoinTarget& contact) {
      const auto* name = std::get_if<NodeName>(&contact);
      all->push_back(name ? name->text() : std::get<Address>(contact).text());
      return nlohmann::ordered_json{{"schema", "barrel-p2pd/join/1"}, {"contact", all->back()}, {"cluster", "blue"}, {"joined", was}};
    };
    out.peer = [polls, script = *this](std::string_view) -> std::optional<nlohmann::ordered_json> {
      const bool is_done = ++*polls > script.polls_until_done;
      nlohmann::ordered_json attempts = nlohmann::ordered_json::array({{{"time", "2001-01-01T00:00:00.000Z"}, {"code", "unreachable"}}});
      if (is_done && !script.attempt.is_null()) attempts.push_back(script.attempt);
      return nlohmann::ordered_json{{"joining", !is_done}, {"attempts", attempts}};
    };
    out.graph = [polls, script = *this] {
      const bool is_done = *polls > script.polls_until_done;
      return nlohmann::ordered_json{{"neighbours", std::vector<int>(is_done ? script.neighbours : script.was_joined ? 1 : 0)}};
    };
    out.leave = [was = was_joined] { return nlohmann::ordered_json{{"schema", "barrel-p2pd/leave/1"}, {"left", was}, {"cluster", "blue"}}; };
    return out;
  }
};

TEST_F(CommandLine, JoinsAndWaitsForANeighbour) {
  const JoinScript script{.neighbours = 2};
  const RunningDaemon daemon{socket_, script.subject()};
  const Outcome outcome = call_with_config({"join", "app@db2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "joined the cluster blue through app@db2: 2 neighbours\n");
  EXPECT_EQ(*script.contacts, std::vector<std::string>{"app@db2"});
}

TEST_F(CommandLine, SaysWhyItDidNotJoin) {
  const JoinScript script{.attempt = {{"time", "2999-01-01T00:00:00.000Z"}, {"address", "10.0.0.7:9100"}, {"phase", "udp"},
                                      {"result", "no answer"}, {"code", "unreachable"}}};
  const RunningDaemon daemon{socket_, script.subject()};
  const Outcome outcome = call_with_config({"join", "10.0.0.7:9100"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "barrel-p2pd: could not join through 10.0.0.7:9100\n"
                         "TIME                      ADDRESS        PHASE  RESULT     CODE\n"
                         "2999-01-01T00:00:00.000Z  10.0.0.7:9100  udp    no answer  unreachable\n");
  const auto json = nlohmann::json::parse(call_with_config({"join", "10.0.0.7:9100", "--json"}).out);
  EXPECT_EQ(json["schema"], "barrel-p2pd/join/1");
  EXPECT_EQ(json["outcome"], "failed");
  EXPECT_EQ(json["joined"], false);
  EXPECT_EQ(json["attempts"].size(), 1u) << "those of before do not count";
}

TEST_F(CommandLine, EndsWith75WhenAJoinTakesTooLong) {
  const RunningDaemon daemon{socket_, JoinScript{}.subject()};
  const Outcome outcome = call_with_config({"join", "app@db2", "--wait", "0.1"});
  EXPECT_EQ(outcome.code, 75);
  EXPECT_THAT(outcome.err, HasSubstr("no neighbour in time"));
}

TEST_F(CommandLine, JoinsThroughAnotherContactToo) {
  const RunningDaemon daemon{socket_, JoinScript{.was_joined = true, .neighbours = 1}.subject()};
  EXPECT_EQ(call_with_config({"join", "app@db2"}).out, "app@db2 was asked, too; 1 neighbour\n");
}

TEST_F(CommandLine, RefusesToJoinNobody) {
  const RunningDaemon daemon{socket_, JoinScript{}.subject()};
  const Outcome outcome = call_with_config({"join", "db2"});
  EXPECT_EQ(outcome.code, 65);
  EXPECT_THAT(outcome.err, HasSubstr("contact: db2 is not a node name"));
  EXPECT_EQ(call_with_config({"join", "\xff"}).code, 65);
  EXPECT_EQ(call_with_config({"join"}).code, 64);
}

TEST_F(CommandLine, EndsWith77ForWhoMayNotChangeAnything) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may";
  control::Subject subject = JoinScript{}.subject();
  subject.uid = ::geteuid() + 1;
  const RunningDaemon daemon{socket_, std::move(subject)};
  EXPECT_EQ(call_with_config({"leave"}).code, 77);
}

TEST_F(CommandLine, Leaves) {
  {
    const RunningDaemon daemon{socket_, JoinScript{.was_joined = true}.subject()};
    EXPECT_EQ(call_with_config({"leave"}).out, "left the cluster blue\n");
    EXPECT_EQ(nlohmann::json::parse(call_with_config({"leave", "--json"}).out)["left"], true);
  }
  const RunningDaemon daemon{socket_, JoinScript{}.subject()};
  const Outcome outcome = call_with_config({"leave"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "was in no cluster\n");
}

TEST(StatusScreen, LetsNoTextOfAPeerReachTheTerminalRaw) {
  const nlohmann::ordered_json status{
      {"host", "a\x1b[2J\n"}, {"trying", {{{"name", "a@b"}, {"last_error", "\x1b]0;x\a\n"}}}}};
  for (const char c : cli::status_screen(status)) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(StatusScreen, StandsAnyJson) {
  for (const char* text : {"null", "[]", "{}", "{\"links\":3}", "{\"links\":[null,{\"names\":7,\"rtt_us\":\"x\"}]}",
                           "{\"nodes\":[[]],\"channels\":[{\"queued_in\":-1,\"queued_out\":1.5}]}"})
    EXPECT_NE(cli::status_screen(nlohmann::ordered_json::parse(text)), "") << text;
}

TEST(Spans, AreShownInTheirTwoLargestUnits) {
  EXPECT_EQ(cli::shown_span(0), "0ms");
  EXPECT_EQ(cli::shown_span(-5), "0ms");
  EXPECT_EQ(cli::shown_span(999), "999ms");
  EXPECT_EQ(cli::shown_span(61'000), "1m 1s");
  EXPECT_EQ(cli::shown_span(3'600'000), "1h");
  EXPECT_EQ(cli::shown_span(90'000'000), "1d 1h");
}

TEST(Sizes, AreShownWithOneDigitAfterThePoint) {
  EXPECT_EQ(cli::shown_bytes(0), "0 B");
  EXPECT_EQ(cli::shown_bytes(1023), "1023 B");
  EXPECT_EQ(cli::shown_bytes(1024), "1.0 KiB");
  EXPECT_EQ(cli::shown_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(cli::shown_bytes(~0ULL), "16.0 EiB");
}

// --- explain ----------------------------------------------------------------------------------------------------

TEST(Codes, AreAllExplained) {
  for (unsigned number = 0; number < 0x1000; ++number) {
    const auto in_table = [&](cli::CodeFamily family) {
      return std::ranges::any_of(cli::code_table(), [&](const cli::CodeText& code) {
        return code.family == family && code.number == number;
      });
    };
    EXPECT_EQ(in_table(cli::CodeFamily::refused), name_of(static_cast<RefuseCode>(number)) != "unknown") << number;
    EXPECT_EQ(in_table(cli::CodeFamily::link), name_of(static_cast<LinkCode>(number)) != "unknown") << number;
  }
}

bool is_event_name(std::string_view text) {
  const auto dot = text.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < text.size() &&
         std::ranges::all_of(text.substr(0, dot), [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); }) &&
         std::ranges::all_of(text.substr(dot + 1), [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
}

/// Events are named where they are said, as the first text: `say(out, …, "link.closed"`, `log::info("daemon.ready"`,
/// `tell("pin.none"`, `doubt(name, "pin.taken_back"`; or as one of two, `is_so ? "link.closed" : "link.refused"`.
std::set<std::string> events_said(const std::string& source) {
  std::set<std::string> names;
  for (const std::string_view opener : {"say(", "log::debug(", "log::info(", "log::warning(", "log::error(", "tell(", "doubt("})
    for (auto at = source.find(opener); at != std::string::npos; at = source.find(opener, at + 1)) {
      const auto statement = source.substr(at, source.find(';', at) - at);
      for (auto begin = statement.find('"'); begin != std::string::npos;) {
        const auto end = statement.find('"', begin + 1);
        if (end == std::string::npos) break;
        const std::string text = statement.substr(begin + 1, end - begin - 1);
        if (!is_event_name(text)) break;
        names.insert(text);
        begin = statement.compare(end, 4, "\" : ") == 0 ? end + 4 : std::string::npos;
      }
    }
  return names;
}

TEST(Events, AreAllExplained) {
  std::set<std::string> in_source, in_table;
  for (const char* folder : {"/proto", "/daemon"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator{std::string{BP2P_SOURCE_DIR} + folder})
      if (entry.path().extension() == ".cc") in_source.merge(events_said(file_text(entry.path())));
  for (const cli::EventText& event : cli::event_table()) in_table.emplace(event.name);
  EXPECT_EQ(in_table, in_source) << "daemon/cli/events.cc";
  EXPECT_TRUE(std::ranges::is_sorted(cli::event_table(), {}, &cli::EventText::name));
}

TEST_F(CommandLine, ExplainsEvents) {
  EXPECT_EQ(call({"explain", "session.attached"}).out, "session.attached (event of the log)\n  A node of this host attached.\n");
  EXPECT_THAT(call({"explain"}).out, HasSubstr("\nEVENT "));
}

TEST_F(CommandLine, ExplainsByNameAndByNumber) {
  EXPECT_THAT(call({"explain", "0x10c"}).out, StartsWith("self (link 0x10c)\n  cause: The daemon reached itself.\n"));
  EXPECT_EQ(call({"explain", "268"}).out, call({"explain", "self"}).out);
  EXPECT_THAT(call({"explain", "not_trusted"}).out, HasSubstr("\n\nnot_trusted (link 0x106)\n"));
  EXPECT_EQ(call({"explain", "nonsense"}).code, 68);
  EXPECT_THAT(call({"explain"}).out, HasSubstr("link 0x106   not_trusted"));
}

}  // namespace
}  // namespace bp2p
