// What a run was, in 64 bits (I23): every input and every effect goes in. Not for secrets.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"

namespace bp2p::sim {

class Digest {
 public:
  Digest& add(std::uint64_t value) {
    state_ = std::rotl((state_ ^ value) * 0x9e3779b97f4a7c15ULL, 29);
    return *this;
  }
  Digest& add(ByteView bytes) {
    add(bytes.size());
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) add(load_be<std::uint64_t>(bytes.data()));
    std::uint64_t rest = 0;
    for (const std::byte each : bytes) rest = rest << 8 | static_cast<std::uint64_t>(each);
    return add(rest);
  }
  Digest& add(std::string_view text) { return add(as_bytes(text)); }
  template <class Tag>
  Digest& add(Id<Tag> id) { return add(id.value); }
  template <class Tag, std::size_t N>
  Digest& add(const FixedBytes<Tag, N>& fixed) { return add(ByteView{fixed.bytes}); }
  std::uint64_t value() const { return state_ ^ (state_ >> 31); }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace bp2p::sim
