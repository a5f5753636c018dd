#include "daemon/discovery/endpoint_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/daemon/temporary_directory.h"

namespace bp2p {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_text;
using Endpoints = std::vector<Endpoint>;

const NodeName app = NodeName::parse("app@db2").value();
const auto unreadable = std::optional<Endpoints>{};

TEST(EndpointFiles, AreErlangTerms) {
  EXPECT_EQ(parse_endpoints("{\"10.0.0.5\", 9100}.\n"), (Endpoints{{"10.0.0.5", 9100}}));
  EXPECT_EQ(parse_endpoints("{\"db2\",1}."), (Endpoints{{"db2", 1}}));
  EXPECT_EQ(parse_endpoints("%% by hand\n { \"::1\" ,\n 9100 } .\n{\"db2\", 65535}. % the other\n"),
            (Endpoints{{"::1", 9100}, {"db2", 65535}}));
}

TEST(EndpointFiles, AreNothingElse) {
  for (const char* text :
       {"", "  ", "% nothing", "{\"h\", 1}", "{\"h\" 1}.", "{\"h\", 0}.", "{\"h\", 65536}.", "{\"h\", -1}.", "{\"h\", a}.", "{\"\", 1}.",
        "{h, 1}.", "{\"h, 1}.", "{\"a\\\"b\", 1}.", "{\"a\nb\", 1}.", "{\"a b\", 1}.", "[\"h\", 1].", "{\"h\", 1}. {", "{\"h\", 1}.."})
    EXPECT_EQ(parse_endpoints(text), unreadable) << text;
  EXPECT_EQ(parse_endpoints("{\"" + std::string(256, 'h') + "\", 1}."), unreadable);
  std::string many;
  for (int i = 0; i < 17; ++i) many += "{\"h\", 1}.\n";
  EXPECT_EQ(parse_endpoints(many), unreadable);
}

TEST(EndpointFiles, ReadBackWhatIsWritten) {
  EXPECT_EQ(endpoint_text({"10.0.0.5", 9100}), "{\"10.0.0.5\", 9100}.\n");
  EXPECT_EQ(parse_endpoints(endpoint_text({"fe80::1", 7})), (Endpoints{{"fe80::1", 7}}));
}

struct SharedDirectory : ::testing::Test {
  Found find() { return find_in_directory(here_.path(), app); }
  TemporaryDirectory here_;
  const std::filesystem::path file_ = endpoint_file(here_.path(), app);
};

TEST_F(SharedDirectory, SaysWhereANodeIs) {
  EXPECT_EQ(file_, here_ / "app@db2.endpoint");
  write_text(file_, "{\"10.0.0.6\", 9100}.\n{\"::1\", 9101}.\n{\"10.0.0.6\", 9100}.\n");
  const Found found = find();
  EXPECT_EQ(found.addresses, (std::vector{*Address::parse("10.0.0.6:9100"), *Address::parse("[::1]:9101")}));
  EXPECT_EQ(found.trouble, "");
}

TEST_F(SharedDirectory, DoesNotKnowANodeWithoutAFile) {
  EXPECT_TRUE(find().addresses.empty());
  EXPECT_EQ(find().trouble, "");
  const Found nowhere = find_in_directory(here_ / "nowhere", app);
  EXPECT_TRUE(nowhere.addresses.empty());
  EXPECT_EQ(nowhere.trouble, "");
}

TEST_F(SharedDirectory, ComplainsOfWhatItCannotUse) {
  const auto complains = [&](std::string_view of) {
    const Found found = find();
    EXPECT_TRUE(found.addresses.empty());
    EXPECT_THAT(found.trouble, HasSubstr(file_.string()));
    EXPECT_THAT(found.trouble, HasSubstr(std::string{of}));
    std::filesystem::remove_all(file_);
  };
  write_text(file_, "10.0.0.6:9100\n");
  complains("expected a line like");
  write_text(file_, "{\"10.0.0.6\", 9100}.\n" + std::string(4096, ' '));
  complains("at most 4096");
  write_text(here_ / "elsewhere", "{\"10.0.0.6\", 9100}.\n");
  std::filesystem::create_symlink(here_ / "elsewhere", file_);
  complains("symbolic link");
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  complains("not a regular file");
  std::filesystem::create_directory(file_);
  complains("directory");
}

}  // namespace
}  // namespace bp2p
