#include "daemon/control/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p::control {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using testing::write_text;

constexpr auto deadline = 10s;

/// A client that writes what it likes and never blocks.
class Client {
 public:
  explicit Client(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  bool connected() const { return connected_; }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // full or closed: what is lost is what the test is about
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  /// Takes in what is there; true once the server has closed.
  bool drain() {
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got > 0) received.append(buffer, static_cast<std::size_t>(got));
      else return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
  }
  std::string received;

 private:
  int fd_;
  bool connected_ = false;
};

class ControlSocket : public ::testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    Subject subject;
    subject.status = [this] {
      ++asked_;
      return nlohmann::ordered_json{{"schema", "test/1"}, {"asked", asked_}};
    };
    subject.leave = [] { return nlohmann::ordered_json{{"schema", "test/1"}, {"left", true}}; };
    subject.cluster_graph = [this](auto done) { waiting_.push_back(std::move(done)); };
    subject.uid = ::geteuid();
    auto server = Server::listen(io_, path_, Routes{std::move(subject)}, limits);
    ASSERT_TRUE(server) << server.error();
    server_ = std::move(*server);
  }
  /// Runs the server until `done`, or fails after a deadline.
  template <class Condition>
  void run_until(Condition done, std::string_view what) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    EXPECT_TRUE(done()) << what;
  }
  /// What a client gets that says `text` and no more.
  std::string answer_to(std::string_view text) {
    Client client{path_};
    client.send(text);
    client.half_close();
    bool closed = false;
    run_until([&] { return closed = closed || client.drain(); }, "the server closes");
    return client.received;
  }

  TemporaryDirectory here_;
  std::filesystem::path path_ = here_ / "ctl.sock";
  boost::asio::io_context io_;
  std::unique_ptr<Server> server_;
  int asked_ = 0;
  std::vector<std::function<void(nlohmann::ordered_json)>> waiting_;  ///< for what takes seconds
};

TEST_F(ControlSocket, AnswersAStatusAsJson) {
  start();
  const std::string answer = answer_to("GET /v1/status HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n{\n  \"schema\": \"test/1\",\n  \"asked\": 1\n}\n"));
}

TEST_F(ControlSocket, AnswersManyRequestsOnOneConnection) {
  start();
  const std::string request = "GET /v1/status HTTP/1.1\r\nHost: d\r\n\r\n";
  const std::string answer = answer_to(request + request + request);
  EXPECT_THAT(answer, HasSubstr("\"asked\": 3"));
}

TEST_F(ControlSocket, AnswersHeadWithoutABody) {
  start();
  const std::string answer = answer_to("HEAD /v1/status HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(ControlSocket, AnswersLaterWhatTakesSeconds) {
  start({.patience = 50ms});
  const std::string request = "GET /v1/graph/cluster HTTP/1.1\r\nHost: d\r\n\r\n";
  Client client{path_}, another{path_};
  auto gone = std::make_unique<Client>(path_);
  client.send(request + "GET /v1/status HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
  gone->send(request);
  run_until([&] { return waiting_.size() == 2; }, "both wait");
  another.send("GET /v1/status HTTP/1.1\r\nHost: d\r\n\r\n");
  run_until([&] { another.drain(); return another.received.contains("\"asked\": 1"); }, "others are answered meanwhile");
  run_until([&] { return another.drain(); }, "its time is over, theirs is not");
  EXPECT_EQ(asked_, 1) << "one after the other";
  gone.reset();
  for (const auto& done : std::exchange(waiting_, {})) done({{"schema", "test/1"}, {"late", true}});
  bool closed = false;
  run_until([&] { return closed = closed || client.drain(); }, "the server closes");
  EXPECT_THAT(client.received, HasSubstr("\"late\": true"));
  EXPECT_THAT(client.received, HasSubstr("\"asked\": 2"));
}

TEST_F(ControlSocket, ForgetsWhoWaitedWhenItEnds) {
  start();
  Client client{path_};
  client.send("GET /v1/graph/cluster HTTP/1.1\r\nHost: d\r\n\r\n");
  run_until([&] { return waiting_.size() == 1; }, "it waits");
  server_.reset();
  waiting_[0]({{"schema", "test/1"}});
  EXPECT_TRUE(client.drain());
  EXPECT_EQ(client.received, "");
}

TEST_F(ControlSocket, RefusesWhatItDoesNotHave) {
  start();
  EXPECT_THAT(answer_to("GET /v1/nothing HTTP/1.1\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  const std::string wrong_method = answer_to("POST /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(wrong_method, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(wrong_method, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(wrong_method, HasSubstr("\"schema\": \"barrel-p2pd/error/1\""));
}

TEST_F(ControlSocket, AnswersGarbageWithAReason) {
  start();
  for (const std::string& garbage : {std::string{"\0\0\0\5hello\r\n\r\n", 13}, std::string{"hello\r\n\r\n"},
                                     std::string{"GET /v1/status HTTP/9.9\r\n\r\n"},
                                     std::string{"GET /v1/status HTTP/1.1\r\nno colon\r\n\r\n"},
                                     std::string{"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"}}) {
    const std::string answer = answer_to(garbage);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << garbage;
    EXPECT_THAT(answer, HasSubstr("not a request that can be read"));
  }
  run_until([&] { return server_->connections() == 0; }, "none stays");
}

TEST_F(ControlSocket, EndsAHeaderThatIsTooLong) {
  start();
  EXPECT_THAT(answer_to("GET /v1/status HTTP/1.1\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to("GET /" + std::string(100'000, 'x')), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(asked_, 0);
}

TEST_F(ControlSocket, EndsABodyThatIsTooLong) {
  start();
  EXPECT_THAT(answer_to("GET /v1/status HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\nx"), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(asked_, 0);
}

TEST_F(ControlSocket, ClosesWithoutAWordOnAClientThatLeftInTheMiddle) {
  start();
  EXPECT_EQ(answer_to("GET /v1/sta"), "");
  EXPECT_EQ(answer_to(""), "");
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ControlSocket, WaitsForASlowClientOnlySoLong) {
  start({.patience = 50ms});
  Client silent{path_}, slow{path_};
  slow.send("GET /v1/status HT");
  bool silent_closed = false, slow_closed = false;
  run_until([&] { return silent_closed = silent_closed || silent.drain(); }, "the silent one is closed");
  run_until([&] { return slow_closed = slow_closed || slow.drain(); }, "the slow one is closed");
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ControlSocket, IsNotHeldByAClientThatDoesNotReadItsAnswer) {
  start({.patience = 50ms});
  Client deaf{path_};
  const std::string request = "GET /v1/status HTTP/1.1\r\n\r\n";
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += request;
  deaf.send(many);
  run_until([&] { return asked_ > 0 && server_->connections() == 0; }, "the deaf one is closed");
}

TEST_F(ControlSocket, HasRoomForSoManyAndClosesTheRest) {
  start({.connections_max = 2});
  Client first{path_}, second{path_};
  run_until([&] { return server_->connections() == 2; }, "two are in");
  Client third{path_};
  bool closed = false;
  run_until([&] { return closed = closed || third.drain(); }, "the third is closed");
  EXPECT_EQ(server_->refused(), 1u);
  first.send("GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  run_until([&] {
    first.drain();
    return first.received.contains("\"asked\": 1");
  }, "those inside are served");
}

TEST_F(ControlSocket, KnowsWhoAsks) {
  start();
  EXPECT_THAT(answer_to("POST /v1/leave HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), HasSubstr("\"left\": true"))
      << "the daemon's own user";
}

// --- events -------------------------------------------------------------------------------------------

const std::string follow = "GET /v1/events?follow HTTP/1.1\r\nHost: d\r\n\r\n";

TEST_F(ControlSocket, TellsFollowersWhatHappens) {
  start({.patience = 50ms});
  Client client{path_}, curious{path_};
  client.send(follow);
  curious.send("GET /v1/events?follow&level=debug HTTP/1.1\r\n\r\n");
  run_until([&] { return server_->followers() == 2; }, "they follow");
  server_->tell(Severity::info, R"({"event":"a.b"})");
  server_->tell(Severity::debug, R"({"event":"c.d"})");
  run_until([&] { return client.drain(), curious.drain(), curious.received.contains("c.d"); }, "they hear");
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"));
  EXPECT_THAT(client.received, EndsWith("\r\n\r\n10\r\n{\"event\":\"a.b\"}\n\r\n"));
  // Nothing happens for longer than a request may take: they stay.
  const auto later = std::chrono::steady_clock::now() + 200ms;
  run_until([&] { return std::chrono::steady_clock::now() > later; }, "time passes");
  server_->tell(Severity::error, "{}");
  run_until([&] { return client.drain(), client.received.ends_with("3\r\n{}\n\r\n"); }, "and hear");
  EXPECT_EQ(server_->followers_dropped(), 0u);
}

TEST_F(ControlSocket, ForgetsAFollowerThatGoes) {
  start();
  {
    Client client{path_};
    client.send(follow);
    run_until([&] { return server_->followers() == 1; }, "it follows");
  }
  run_until([&] { return server_->followers() == 0; }, "it is gone");
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ControlSocket, DropsAFollowerThatDoesNotRead) {
  start({.unsent_events_max = 64 * 1024});
  Client deaf{path_}, awake{path_};
  deaf.send(follow);
  awake.send(follow);
  run_until([&] { return server_->followers() == 2; }, "they follow");
  const std::string event = "{\"text\":\"" + std::string(1'000, 'x') + "\"}";
  run_until([&] {
    server_->tell(Severity::info, event);
    awake.drain();
    return server_->followers_dropped() == 1;
  }, "the deaf one is dropped");
  EXPECT_EQ(server_->followers(), 1u);
}

TEST_F(ControlSocket, DropsAFollowerThatTakesNothingForSoLong) {
  start({.patience = 50ms, .unsent_events_max = 100 << 20});
  Client deaf{path_};
  deaf.send(follow);
  run_until([&] { return server_->followers() == 1; }, "it follows");
  server_->tell(Severity::info, "\"" + std::string(10 << 20, 'x') + "\"");
  run_until([&] { return server_->followers_dropped() == 1 && server_->followers() == 0; }, "it is dropped");
}

TEST_F(ControlSocket, HasSoManyFollowers) {
  start({.followers_max = 1});
  Client first{path_};
  first.send(follow);
  run_until([&] { return server_->followers() == 1; }, "one follows");
  EXPECT_THAT(answer_to("GET /v1/events?follow HTTP/1.1\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ControlSocket, RefusesToFollowWithoutChunks) {
  start();
  EXPECT_THAT(answer_to("GET /v1/events?follow HTTP/1.0\r\n\r\n"), HasSubstr(" 505 "));
}

// --- the socket's file ---------------------------------------------------------------------------------

TEST_F(ControlSocket, HasItsModeAndLeavesNothingBeside) {
  start();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{here_.path()}, {}), 1);
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ControlSocket, SaysWhyItCannotListen) {
  write_text(path_, "precious");
  const auto server = Server::listen(io_, path_, Routes{Subject{}});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error(), "control socket " + path_.string() + ": there is something that is not a socket");
}

}  // namespace
}  // namespace bp2p::control
