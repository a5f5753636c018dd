// A small seedable generator (SplitMix64, Steele, Lea, Flood, OOPSLA 2014). Not for secrets.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace bp2p {

/// Draws are defined here, not by <random>: std::uniform_int_distribution and std::shuffle differ between
/// libraries, and a seed must replay the same run on every compiler (I23).
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound); bound > 0. The bias is below bound / 2^64.
  constexpr std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  /// A generator whose stream is independent of this one.
  constexpr Rng split() { return Rng{next()}; }

  template <class T>
  constexpr void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace bp2p
