#include "daemon/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bp2p {
namespace {

std::string written(LogLevel level, LogFormat format, const std::function<void()>& act) {
  ::testing::internal::CaptureStderr();
  log::setup(level, format);
  act();
  return ::testing::internal::GetCapturedStderr();
}

/// Begins with a time and a space.
bool has_time(std::string_view line) {
  constexpr std::string_view shape = "0000-00-00T00:00:00.000Z ";
  if (line.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != shape[i]) return false;
  return true;
}

/// One line, with an @ in the place of its time.
std::string without_time(const std::string& line) { return has_time(line) ? "@" + line.substr(24) : line; }

TEST(Log, WritesOneLineWithLevelEventTextAndFields) {
  EXPECT_EQ(without_time(written(LogLevel::info, LogFormat::text, [] {
              log::warning("link.lost", "app@db2 is gone", {{"link", "7"}, {"why", "idle for 30 s"}});
            })),
            "@ warning link.lost  app@db2 is gone link=7 why=\"idle for 30 s\"\n");
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(written(LogLevel::error, LogFormat::text,
                    [] {
                      log::debug("a", "x");
                      log::info("a", "x");
                      log::warning("a", "x");
                    }),
            "");
  EXPECT_EQ(without_time(written(LogLevel::debug, LogFormat::text, [] { log::debug("a.b", "x"); })), "@ debug a.b  x\n");
}

TEST(Log, LetsNoTextBeginALineOfItsOwn) {
  EXPECT_EQ(without_time(written(LogLevel::info, LogFormat::text, [] {
              log::info("link.closed", "bye\nerror faked  x\x1b[2J {}", {{"text", "a\r\nb"}});
            })),
            "@ info link.closed  bye\\nerror faked  x\\x1b[2J {} text=a\\x0d\\nb\n");
}

TEST(Log, WritesJsonThatHoldsAnyBytes) {
  const std::string line = written(LogLevel::info, LogFormat::json,
                                   [] { log::error("a.b", "not UTF-8: \xff", {{"key", "line\nbreak"}}); });
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["level"], "error");
  EXPECT_TRUE(has_time(json["time"].get<std::string>() + " "));
  EXPECT_EQ(json["event"], "a.b");
  EXPECT_EQ(json["key"], "line\nbreak");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace bp2p
