// The main of a fuzz target where there is no libFuzzer: gives it every file of the folders named, then the same
// cut at every eighth of its length and with single bits turned, so that a replay is more than a memory.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** words) {
  std::size_t files = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(words[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      ++files;
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      for (std::size_t eighth = 0; eighth < 8; ++eighth) LLVMFuzzerTestOneInput(bytes.data(), bytes.size() * eighth / 8);
      const std::size_t step = bytes.size() / 64 + 1;
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1u << (at % 8)));
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1u << (at % 8)));
      }
    }
  }
  std::printf("%zu files replayed\n", files);
  return files == 0 ? 1 : 0;  // an empty corpus is a mistake, not a pass
}
