// The configuration: any text gives a configuration or problems that a person can read, and what was read is
// written back as something that reads the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/config_file.h"
#include "proto/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto loaded = bp2p::parse_config(text, "fuzz.toml");
  if (loaded) {
    const auto again = bp2p::parse_config(bp2p::commented_config(loaded->config), "again.toml");
    BP2P_CHECK(again.has_value());
    BP2P_CHECK(again->config == loaded->config);
  } else {
    BP2P_CHECK(!loaded.error().all.empty());
    for (const auto& problem : loaded.error().all) {
      BP2P_CHECK(problem.text.starts_with("fuzz.toml"));
      for (const char c : problem.text) BP2P_CHECK(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
    }
  }
  return 0;
}
