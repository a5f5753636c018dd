// At most one in so long a time from one network: what a stranger with many keys but few addresses can ask for.
#pragma once
#include <array>
#include <cstddef>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/now.h"

namespace bp2p::membership {

class PrefixLimit {
 public:
  explicit PrefixLimit(Duration gap) : gap_(gap) {}

  /// False when the prefix of `address` (/24 of IPv4, /48 of IPv6) was granted one less than the gap ago, or when
  /// limits::high_prefixes_max others were.
  bool take(const Address& address, TimePoint now);

 private:
  using Prefix = std::array<std::byte, 6>;
  struct Granted {
    Prefix prefix;
    TimePoint until;
  };
  Duration gap_;
  std::vector<Granted> granted_;
};

}  // namespace bp2p::membership
