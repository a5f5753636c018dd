// How a message goes from one core to another: as the value it is, or by bytes, cut where it pleases and put together
// again as daemon/beam/links.cc does, and through the codec to see that what we say is what we would read.
#pragma once
#include <functional>
#include <string>

#include "proto/base/bytes.h"
#include "proto/base/rng.h"

namespace bp2p::sim {

class Transport {
 public:
  enum class Kind : unsigned char { value, bytes };
  Transport(Kind kind, Rng rng, std::function<void(std::string)> complain)
      : kind_(kind), rng_(rng), complain_(std::move(complain)) {}

  Bytes carry(const Bytes& message);

 private:
  Kind kind_;
  Rng rng_;
  std::function<void(std::string)> complain_;
};

}  // namespace bp2p::sim
