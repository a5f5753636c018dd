// Codes that cross a wire (docs/wire.md 1.1 and 2.3). Numbers never change their meaning.
#pragma once
#include <cstdint>
#include <string_view>

namespace bp2p {

/// Why a node's request was refused (REFUSED, ChannelRefused).
enum class RefuseCode : std::uint16_t {
  bad_frame = 1,
  bad_version = 2,
  duplicate_name = 3,
  bad_token = 4,
  bad_ticket = 5,
  not_allowed = 6,
  bad_name = 7,
  too_many = 8,
  unknown_node = 9,
  unreachable = 10,
  not_trusted = 11,
  no_such_node = 12,
  timed_out = 13,
  shutting_down = 14,
  not_listening = 15,
  moved = 100,  ///< between daemons only: ask again on the other link between us
};

/// Application code of QUIC's CONNECTION_CLOSE.
enum class LinkCode : std::uint64_t {
  goodbye = 0,
  duplicate = 0x101,
  bad_message = 0x102,
  wrong_cluster = 0x103,
  bad_record = 0x104,
  bad_binding = 0x105,
  not_trusted = 0x106,
  pin_unreadable = 0x107,
  hello_timeout = 0x109,
  name_taken = 0x10a,
  unsupported_version = 0x10b,
  self = 0x10c,
  misbehaved = 0x10d,
};

/// The names in the wire document; "unknown" for a number that has none.
std::string_view name_of(RefuseCode code);
std::string_view name_of(LinkCode code);

}  // namespace bp2p
