#include "proto/core/own_record.h"

#include <algorithm>

#include "proto/trust/peer_record.h"
#include "proto/wire/limits.h"

namespace bp2p {

OwnRecord::OwnRecord(std::string cluster, std::uint64_t epoch, std::vector<Address> addresses, const Signing& signing)
    : signing_(signing) {
  body_.cluster = std::move(cluster);
  body_.epoch = epoch;
  set_addresses(std::move(addresses));
}

bool OwnRecord::set_addresses(std::vector<Address> addresses) {
  if (addresses.size() > limits::addresses_per_record_max) addresses.resize(limits::addresses_per_record_max);
  if (addresses == body_.addresses) return false;
  body_.addresses = std::move(addresses);
  return changed_ = true;
}

void OwnRecord::set_names(std::vector<NodeName> names) {
  std::ranges::sort(names);
  if (names.size() > limits::names_per_record_max)
    names.erase(names.begin() + limits::names_per_record_max, names.end());
  if (names == body_.names) return;
  body_.names = std::move(names);
  changed_ = true;
}

const Bytes& OwnRecord::at(WallTime now) {
  const bool is_old = now >= body_.issued + std::chrono::duration_cast<WallTime>(refresh_after);
  const bool clock_went_back = now < body_.issued;
  if (changed_ || is_old || clock_went_back) {
    changed_ = false;
    ++body_.number;
    body_.issued = now;
    body_.expires = now + limits::record_life_max;
    signed_ = sign_record(body_, signing_);
  }
  return signed_;
}

}  // namespace bp2p
