#include "proto/gossip/spread.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace bp2p::gossip {
namespace {

// Counts are halved here, so that the figure follows a network that changes. Guess: 16 s of 1,000 broadcasts a second.
constexpr std::uint32_t remembered = 16'384;

std::size_t bucket_of(std::uint64_t ms) {
  ms = std::min<std::uint64_t>(ms, 65'535);
  if (ms < 4) return ms;
  const auto octave = static_cast<std::size_t>(std::bit_width(ms)) - 3;
  return 4 * octave + (ms >> octave);
}

std::uint64_t upper_edge(std::size_t bucket) {
  if (bucket < 4) return bucket + 1;
  const std::size_t octave = bucket / 4 - 1;
  return (bucket % 4 + 5) << octave;
}

}  // namespace

void Spread::add(Duration late) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::max(late, Duration::zero())).count();
  ++counts_[bucket_of(static_cast<std::uint64_t>(ms))];
  if (++total_ < remembered) return;
  total_ = 0;
  for (std::uint32_t& count : counts_) total_ += count /= 2;
}

Duration Spread::p999() const {
  if (total_ == 0) return {};
  const std::uint32_t above = total_ / 1000;  // so many may be later
  std::uint32_t seen = 0;
  for (std::size_t bucket = buckets; bucket-- > 0;) {
    seen += counts_[bucket];
    if (seen > above) return bucket == 0 ? Duration::zero() : std::chrono::milliseconds{upper_edge(bucket)};
  }
  return {};
}

}  // namespace bp2p::gossip
