#include "tests/bench/overlay/machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <cmath>
#include <fstream>
#include <thread>

namespace bp2p::bench {
namespace {

/// What follows the colon in the first line of /proc that begins so.
std::string after(const char* path, const std::string& name) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

}  // namespace

std::string machine() {
  const std::string model = after("/proc/cpuinfo", "model name"), memory = after("/proc/meminfo", "MemTotal");
  utsname kernel{};
  uname(&kernel);
  const long gib = std::lround(std::strtod(memory.c_str(), nullptr) / 1'048'576);
  return std::to_string(std::thread::hardware_concurrency()) + " x " + (model.empty() ? "unknown processor" : model) +
         ", " + std::to_string(gib) + " GiB, Linux " + kernel.release;
}

std::size_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace bp2p::bench
