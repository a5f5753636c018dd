// Reading and writing big-endian bytes with bounds. A Reader never reads past its span: the first read that
// would sets `failed` and every later one gives zeros, so a decoder reads straight through and asks once.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bp2p {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads sizeof(T) big-endian bytes at `from`, which must hold them.
template <class T>
constexpr T load_be(const std::byte* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 7 << 1) | static_cast<T>(from[i]));
  return value;
}

/// Writes sizeof(T) big-endian bytes at `to`, which must have room.
template <class T>
constexpr void store_be(std::byte* to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    to[i] = static_cast<std::byte>(value >> (8 * (sizeof(T) - 1 - i)));
}

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }

  /// The next `size` bytes, in place; empty and failed when there are fewer.
  ByteView take(std::size_t size) {
    if (size > rest_.size()) return fail();
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  /// `Len:16 Bytes:Len`, in place.
  std::string_view text16() { return as_text(take(u16())); }

  /// Fills `out` whole, or leaves it and fails.
  template <std::size_t N>
  void fill(std::array<std::byte, N>& out) {
    const ByteView taken = take(N);
    if (!failed_) std::copy(taken.begin(), taken.end(), out.begin());
  }

  ByteView rest() const { return rest_; }
  bool failed() const { return failed_; }
  /// Everything was there and nothing is left over.
  bool finished() const { return !failed_ && rest_.empty(); }

 private:
  template <class T>
  T number() {
    const ByteView taken = take(sizeof(T));
    return failed_ ? T{0} : load_be<T>(taken.data());
  }
  ByteView fail() {
    failed_ = true;
    rest_ = {};
    return {};
  }

  ByteView rest_;
  bool failed_ = false;
};

class Writer {
 public:
  Writer& u8(std::uint8_t value) { return number(value); }
  Writer& u16(std::uint16_t value) { return number(value); }
  Writer& u32(std::uint32_t value) { return number(value); }
  Writer& u64(std::uint64_t value) { return number(value); }
  Writer& raw(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  /// `Len:16 Bytes:Len`; what is beyond 65,535 bytes is cut off (texts for people only get that long by mistake).
  Writer& text16(std::string_view text) {
    text = text.substr(0, 0xffff);
    return u16(static_cast<std::uint16_t>(text.size())).raw(as_bytes(text));
  }
  Bytes take() { return std::move(out_); }

 private:
  template <class T>
  Writer& number(T value) {
    out_.resize(out_.size() + sizeof(T));
    store_be(out_.data() + out_.size() - sizeof(T), value);
    return *this;
  }
  Bytes out_;
};

}  // namespace bp2p
