#include "daemon/control/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bp2p::control {
namespace {

using ::testing::HasSubstr;
using json = nlohmann::ordered_json;

class ControlRoutes : public ::testing::Test {
 protected:
  static json named(const char* what) { return {{"view", what}}; }
  Routes routes_{Subject{.status = [] { return named("status"); },
                         .peers = [] { return named("peers"); },
                         .members = [] { return named("members"); },
                         .graph = [] { return named("graph"); },
                         .events = [] { return named("events"); },
                         .peer = [this](std::string_view whom) -> std::optional<json> {
                           asked_for_ = whom;
                           return whom == "app@db2" || whom.starts_with("SHA256:") ? std::optional{named("peer")} : std::nullopt;
                         },
                         .join = [this](const JoinTarget& contact) {
                           joined_.push_back(contact);
                           return named("join");
                         },
                         .leave = [this] {
                           ++left_;
                           return named("leave");
                         },
                         .cluster_graph = [](auto done) { done(named("cluster_graph")); },
                         .uid = 500,
                         .admin_group = 77}};
  Answer get(std::string_view target) const { return routes_.answer({.method = "GET", .target = target}); }
  Answer post(std::string_view target, std::string_view body, Caller caller = {.uid = 0}) const {
    return routes_.answer({.method = "POST", .target = target, .body = body, .caller = std::move(caller)});
  }
  static std::string error(const Answer& answer) { return answer.body["error"]["text"]; }

  std::string asked_for_;
  std::vector<JoinTarget> joined_;
  int left_ = 0;
};

TEST_F(ControlRoutes, LeadToTheirViews) {
  for (const char* view : {"status", "peers", "members", "graph", "events"})
    EXPECT_EQ(get(std::string{"/v1/"} + view + "?x=1").body["view"], view);
  EXPECT_EQ(get("/v1/peers/app@db2").body["view"], "peer");
}

TEST_F(ControlRoutes, AnswerLaterForWhatTakesSeconds) {
  const Answer answer = get("/v1/graph/cluster");
  ASSERT_TRUE(answer.later);
  json came;
  answer.later([&](json body) { came = std::move(body); });
  EXPECT_EQ(came["view"], "cluster_graph");
  EXPECT_EQ(post("/v1/graph/cluster", "").status, 405u);
  EXPECT_FALSE(get("/v1/graph").later);
}

TEST_F(ControlRoutes, DecodeWhomIsAskedFor) {
  EXPECT_EQ(get("/v1/peers/app%40db2").status, 200u);
  EXPECT_EQ(get("/v1/peers/SHA256:ab%2Fc").status, 200u);
  EXPECT_EQ(asked_for_, "SHA256:ab/c");
  EXPECT_EQ(get("/v1/peers/app@db3").status, 404u);
  EXPECT_THAT(error(get("/v1/peers/app@db3")), HasSubstr("app@db3: nothing is known"));
  for (const char* bad : {"/v1/peers/nohost", "/v1/peers/a%4", "/v1/peers/a%zz@b", "/v1/peers/%00@b", "/v1/peers/..%2f@x"})
    EXPECT_EQ(get(bad).status, 400u) << bad;
  EXPECT_EQ(get("/v1/peers/").status, 404u);
}

TEST_F(ControlRoutes, ChangeNothingForThoseWhoMayNot) {
  for (const Caller& caller : {Caller{}, Caller{.uid = 1000, .groups = {1000, 78}}}) {
    EXPECT_EQ(post("/v1/leave", "", caller).status, 403u);
    EXPECT_EQ(post("/v1/join", R"({"contact":"app@db2"})", caller).status, 403u);
  }
  EXPECT_THAT(error(post("/v1/leave", "", {})), HasSubstr("barrel-p2p-admin"));
  EXPECT_EQ(left_, 0);
  EXPECT_TRUE(joined_.empty());
  for (const Caller& caller : {Caller{.uid = 0}, Caller{.uid = 500}, Caller{.uid = 1000, .groups = {1000, 77}}})
    EXPECT_EQ(post("/v1/leave", "", caller).status, 200u);
  EXPECT_EQ(left_, 3);
}

TEST_F(ControlRoutes, ChangeNothingByGet) {
  const Answer answer = get("/v1/leave");
  EXPECT_EQ(answer.status, 405u);
  EXPECT_EQ(answer.allow, "POST");
  EXPECT_EQ(post("/v1/peers", "").status, 405u);
  EXPECT_EQ(left_, 0);
}

TEST_F(ControlRoutes, JoinByNameOrAddress) {
  EXPECT_EQ(post("/v1/join", R"({"contact":"app@db2"})").status, 202u);
  EXPECT_EQ(post("/v1/join", R"({"contact":"10.0.0.6:9100","more":1})").status, 202u);
  ASSERT_EQ(joined_.size(), 2u);
  EXPECT_EQ(std::get<NodeName>(joined_[0]).text(), "app@db2");
  EXPECT_EQ(std::get<Address>(joined_[1]).text(), "10.0.0.6:9100");
}

TEST_F(ControlRoutes, SayWhatIsWrongWithAJoin) {
  for (const char* body : {"", "{", "null", "[]", "3", "{}", R"({"contact":3})", R"({"contact":null})", R"({"Contact":"a@b"})", "\xff\xfe"})
    EXPECT_THAT(error(post("/v1/join", body)), HasSubstr("the body has to be like {\"contact\": \"app@db2\"}")) << body;
  for (const char* contact : {"", "db2", "a b@c", "10.0.0.6", "10.0.0.6:99999"}) {
    const Answer answer = post("/v1/join", json{{"contact", contact}}.dump());
    EXPECT_EQ(answer.status, 400u) << contact;
    EXPECT_THAT(error(answer), HasSubstr("is not a node name, app@host, or an address with a port")) << contact;
  }
  EXPECT_TRUE(joined_.empty());
}

TEST_F(ControlRoutes, FollowEventsOfALevel) {
  EXPECT_EQ(get("/v1/events?follow").follows, Severity::info);
  EXPECT_EQ(get("/v1/events?level=debug&follow=1").follows, Severity::debug);
  EXPECT_EQ(get("/v1/events?follow&level=error").follows, Severity::error);
  EXPECT_EQ(get("/v1/events?follow&level=loud").status, 400u);
  EXPECT_FALSE(get("/v1/events?level=debug").follows);
  EXPECT_FALSE(get("/v1/events?following").follows);
}

TEST_F(ControlRoutes, NameThePathsThatThereAre) {
  EXPECT_EQ(error(get("/v1/nothing")),
            "no such path; there are /v1/status, /v1/peers, /v1/members, /v1/graph, /v1/graph/cluster, /v1/events, /v1/join, /v1/leave, /v1/peers/NODE");
  EXPECT_EQ(get("").status, 404u);
}

TEST(PercentDecoding, GivesBytesOrNothing) {
  EXPECT_EQ(percent_decoded("a%40b%2f%C3%bc"), "a@b/ü");
  EXPECT_EQ(percent_decoded(""), "");
  for (const char* bad : {"%", "%4", "%g0", "%0g", "a%"}) EXPECT_EQ(percent_decoded(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace bp2p::control
