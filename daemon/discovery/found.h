// What one backend says to one question.
#pragma once
#include <string>
#include <vector>

#include "proto/base/address.h"

namespace bp2p {

struct Found {
  std::vector<Address> addresses;  ///< empty: it does not know the name
  std::string trouble;             ///< for the log, one sentence: what an operator has to put right; empty: nothing
};

}  // namespace bp2p
