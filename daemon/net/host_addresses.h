// Where this host can be reached, when nobody has configured it.
#pragma once
#include <vector>

#include "proto/base/address.h"

namespace bp2p {

/// 127.0.0.0/8 or ::1.
bool is_loopback(const Address& address);

/// Of the addresses that are bound, those that a peer can dial: a wildcard stands for every address of the host's
/// interfaces that are up, but loopback (unless there is nothing else) and link-local ones, which mean nothing elsewhere.
std::vector<Address> addresses_of_host(const std::vector<Address>& bound);

}  // namespace bp2p
