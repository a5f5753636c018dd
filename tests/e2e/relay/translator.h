// A translator of UDP ports, as a home router is one: the host on the left is seen from the right behind another
// port. Changing the shift while connections are up is what a router does that forgot them.
#pragma once
#include <cstdint>

#include "impairment.h"

namespace e2e {

class Translator {
 public:
  void set_shift(std::uint16_t shift) { shift_ = shift; }
  /// Left to right: the source port. IPv4 only; everything else passes unchanged.
  void outward(Frame& frame);
  /// Right to left: the destination port.
  void inward(Frame& frame);

  std::uint64_t translated() const { return translated_; }

 private:
  std::uint16_t shift_ = 0;
  std::uint64_t translated_ = 0;
};

}  // namespace e2e
