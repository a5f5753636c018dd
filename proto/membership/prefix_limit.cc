#include "proto/membership/prefix_limit.h"

#include <algorithm>

#include "proto/wire/limits.h"

namespace bp2p::membership {

bool PrefixLimit::take(const Address& address, TimePoint now) {
  // What one customer is given: a /24 of IPv4 at most as a rule, a /48 of IPv6 (RFC 6177).
  Prefix prefix{};
  if (address.is_v4()) {
    prefix = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};  // multicast in IPv6: no peer's address
    std::copy_n(address.ip.begin() + 12, 3, prefix.begin() + 3);
  } else {
    std::copy_n(address.ip.begin(), 6, prefix.begin());
  }
  std::erase_if(granted_, [&](const Granted& each) { return each.until <= now; });
  if (granted_.size() >= limits::high_prefixes_max) return false;
  if (std::ranges::find(granted_, prefix, &Granted::prefix) != granted_.end()) return false;
  granted_.push_back({prefix, now + gap_});
  return true;
}

}  // namespace bp2p::membership
