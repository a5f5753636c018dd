// Dist frames as an OTP 27 node would write them, for tests: the control messages of OTP's "Distribution Protocol",
// as far as routing looks at them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/dist/frame.h"

namespace bp2p::dist::test {

inline Bytes atom(std::string_view name) {
  return Writer{}.u8(119).u8(static_cast<std::uint8_t>(name.size())).raw(as_bytes(name)).take();
}
inline Bytes pid(Sender who, std::string_view node = "a@host") {
  return Writer{}.u8(88).raw(atom(node)).u32(who.id).u32(who.serial).u32(who.creation).take();
}
inline Bytes reference(std::uint32_t number, std::string_view node = "b@host") {
  return Writer{}.u8(90).u16(3).raw(atom(node)).u32(7).u32(number).u32(2).u32(3).take();
}
inline Bytes small_integer(std::uint8_t value) { return Writer{}.u8(97).u8(value).take(); }
inline Bytes big(std::uint64_t value) { return Writer{}.u8(110).u8(8).u8(0).u64(value).take(); }

template <class... Terms>
Bytes control(std::uint8_t operation, const Terms&... terms) {
  Writer out;
  out.u8(104).u8(1 + sizeof...(terms)).raw(small_integer(operation));
  (out.raw(terms), ...);
  return out.take();
}

/// `131 68 0 Control Message`
inline Bytes whole(const Bytes& control_message, std::string_view message = "") {
  return Writer{}.u8(131).u8(68).u8(0).raw(control_message).raw(as_bytes(message)).take();
}
inline Bytes first_fragment(std::uint64_t sequence, std::uint64_t fragments, const Bytes& control_message,
                            std::string_view message = "") {
  return Writer{}.u8(131).u8(69).u64(sequence).u64(fragments).u8(0).raw(control_message).raw(as_bytes(message)).take();
}
inline Bytes next_fragment(std::uint64_t sequence, std::uint64_t fragment, std::string_view message = "") {
  return Writer{}.u8(131).u8(70).u64(sequence).u64(fragment).raw(as_bytes(message)).take();
}

}  // namespace bp2p::dist::test
