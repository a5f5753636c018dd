// Pins on disk. The first byte says which file the rest becomes: an even one the pin of a pinned name, an odd one
// the record of pins. Whatever is there, the pinned name never looks like one never met, and its pin never
// becomes another key (I2).
// Links: daemon_files
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "daemon/config_file.h"
#include "daemon/files/trusted_keys.h"
#include "daemon/log.h"
#include "proto/base/check.h"

namespace {

using namespace bp2p;

struct Place {
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "bp2p-fuzz-XXXXXX").string();
    BP2P_CHECK(::mkdtemp(name.data()) != nullptr);
    path = name;
    log::setup(LogLevel::error, LogFormat::json);
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Place place;
  const NodeName name = *NodeName::parse("app@db2"), stranger = *NodeName::parse("a@stranger");
  PublicKey key;
  key.bytes.fill(std::byte{7});

  const auto directory = place.path / "keys";
  std::filesystem::remove_all(directory);
  auto keys = TrustedKeys::open(directory);
  BP2P_CHECK(keys.has_value());
  BP2P_CHECK(keys->store(key, std::vector{name}).has_value());

  const bool is_record = (data[0] & 1) != 0;
  std::ofstream{directory / (is_record ? "pinned" : "trusted/app@db2.pub"), std::ios::binary | std::ios::trunc}.write(
      reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));

  const auto pin = keys->inspect(name);
  if (pin) BP2P_CHECK(*pin == key);
  const auto other = keys->inspect(stranger);
  if (!is_record) BP2P_CHECK(other.has_value() && !other->has_value());
  if (other) BP2P_CHECK(!other->has_value());

  const auto again = TrustedKeys::open(directory);  // a start: good, or one sentence
  if (!again) BP2P_CHECK(!again.error().text.empty());
  return 0;
}
