// The frames of the node socket against the golden bytes that the Erlang tests read too.
#include "proto/wire/local_frame.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "proto/wire/limits.h"
#include "proto/wire/term.h"
#include "tests/unit/proto/wire/hex.h"

namespace bp2p {
namespace {

struct Vector {
  std::string name, comment;
  Bytes bytes;
};

/// `name hex`, and the comment lines above it.
std::vector<Vector> vectors() {
  std::ifstream file(std::string{BP2P_SOURCE_DIR} + "/proto/wire/vectors/local_frames.txt");
  std::vector<Vector> out;
  std::string line, comment;
  while (std::getline(file, line)) {
    if (line.empty()) {
      comment.clear();
    } else if (line.front() == '#') {
      comment += line.size() > 2 ? line.substr(2) + " " : "";
    } else {
      std::istringstream words{line};
      Vector vector{.name = {}, .comment = comment, .bytes = {}};
      std::string hex;
      words >> vector.name >> hex;
      vector.bytes = test::from_hex(hex);
      out.push_back(std::move(vector));
      comment.clear();
    }
  }
  return out;
}

Bytes encode_again(const local::Frame& frame) {
  return std::visit([](const auto& each) { return local::encode(each); }, frame);
}

TEST(LocalFrames, OfTheGoldenFileAreReadAndWrittenByteForByte) {
  std::size_t good = 0;
  std::set<std::size_t> kinds;
  for (const Vector& vector : vectors()) {
    if (vector.name.starts_with("bad_")) continue;
    SCOPED_TRACE(vector.name);
    const auto frame = local::decode(vector.bytes);
    ASSERT_TRUE(frame.has_value()) << local::describe(frame.error());
    EXPECT_EQ(encode_again(*frame), vector.bytes);
    kinds.insert(frame->index());
    ++good;
  }
  EXPECT_GE(good, 20u);
  EXPECT_EQ(kinds.size(), std::variant_size_v<local::Frame>) << "a kind of frame has no golden bytes";
}

TEST(LocalFrames, OfTheGoldenFileThatAreBadAreRefusedWithTheReasonItNames) {
  using local::FrameError;
  const std::map<std::string, FrameError> errors{
      {"truncated", FrameError::truncated},     {"trailing_bytes", FrameError::trailing_bytes},
      {"unknown_type", FrameError::unknown_type}, {"bad_version", FrameError::bad_version},
      {"bad_flags", FrameError::bad_flags},     {"too_long", FrameError::too_long},
      {"bad_text", FrameError::bad_text},       {"bad_creation", FrameError::bad_creation},
      {"bad_term", FrameError::bad_term}};
  std::size_t bad = 0;
  for (const Vector& vector : vectors()) {
    if (!vector.name.starts_with("bad_")) continue;
    SCOPED_TRACE(vector.name + ": " + vector.comment);
    const std::string reason = vector.comment.substr(0, vector.comment.find_first_of(": "));
    ASSERT_TRUE(errors.contains(reason)) << reason;
    const auto frame = local::decode(vector.bytes);
    ASSERT_FALSE(frame.has_value());
    EXPECT_EQ(static_cast<int>(frame.error()), static_cast<int>(errors.at(reason))) << local::describe(frame.error());
    ++bad;
  }
  EXPECT_GE(bad, 30u);
}

TEST(LocalFrames, CutAnywhereOrLongerAreRefused) {
  for (const Vector& vector : vectors()) {
    if (vector.name.starts_with("bad_")) continue;
    SCOPED_TRACE(vector.name);
    const auto type = static_cast<std::uint8_t>(vector.bytes[0]);
    if (type >= 8) continue;  // the rest is a term, which has its own decoder, or a payload of any length
    for (std::size_t size = 0; size < vector.bytes.size(); ++size)
      EXPECT_FALSE(local::decode(ByteView{vector.bytes}.first(size)).has_value()) << "cut at " << size;
    Bytes longer = vector.bytes;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(local::decode(longer).has_value());
  }
}

TEST(LocalFrames, ThatAreTooLargeAreRefusedUnread) {
  Bytes attach(limits::first_frame_bytes_max + 1);
  attach[0] = std::byte{1};
  EXPECT_EQ(local::decode(attach).error(), local::FrameError::too_large);
  Bytes request(limits::session_frame_bytes_max + 1);
  request[0] = std::byte{8};
  EXPECT_EQ(local::decode(request).error(), local::FrameError::too_large);
}

TEST(LocalFrames, CarryTheirReasonsToTheCodesOfRefused) {
  using local::FrameError;
  EXPECT_EQ(local::refuse_code(FrameError::bad_version), RefuseCode::bad_version);
  EXPECT_EQ(local::refuse_code(FrameError::bad_name), RefuseCode::bad_name);
  EXPECT_EQ(local::refuse_code(FrameError::truncated), RefuseCode::bad_frame);
}

}  // namespace
}  // namespace bp2p
