// An effect as 64 bits of a trace hash, and as a line for people.
#pragma once
#include <string>

#include "proto/core/effects.h"
#include "tests/sim/digest.h"

namespace bp2p::sim {

void add(Digest& digest, const Effect& effect);
std::string describe(const Effect& effect);
/// `ChannelOpen 4 a@h -> b@h`: a message between daemons.
std::string describe_message(ByteView message);

}  // namespace bp2p::sim
