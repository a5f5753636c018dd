// Where and at what cost a benchmark ran.
#pragma once
#include <cstddef>
#include <string>

namespace bp2p::bench {

/// "2 x AMD EPYC, 24 GiB, Linux 6.18.0", as tests/bench/bench.erl says it.
std::string machine();
/// Of this process, so far.
std::size_t peak_memory_bytes();

}  // namespace bp2p::bench
