// What discovery reads of others. The first byte says what the rest is: an even one a file of a shared directory, an odd
// one a name server's answer.
// Links: daemon_discovery
#include <cstddef>
#include <cstdint>
#include <span>

#include "daemon/discovery/endpoint_file.h"
#include "daemon/discovery/srv.h"
#include "proto/base/check.h"
#include "proto/wire/limits.h"

using namespace bp2p;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span rest{data + 1, size - 1};
  if ((data[0] & 1) != 0) {
    const auto records = srv_records(rest);
    Rng rng{data[0]};
    BP2P_CHECK(in_order(records, rng).size() == records.size());
    for (const SrvRecord& each : records) BP2P_CHECK(each.target.find('\0') == std::string::npos);
    return 0;
  }
  const auto endpoints = parse_endpoints({reinterpret_cast<const char*>(rest.data()), rest.size()});
  if (!endpoints) return 0;
  BP2P_CHECK(!endpoints->empty() && endpoints->size() <= limits::addresses_per_name_max);
  for (const Endpoint& each : *endpoints) {
    BP2P_CHECK(each.port != 0 && !each.host.empty());
    BP2P_CHECK(parse_endpoints(endpoint_text(each)) == std::vector{each});
  }
  return 0;
}
