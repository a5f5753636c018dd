#include "proto/dist/frame.h"

namespace bp2p::dist {
namespace {

// External term format tags met in control messages.
constexpr std::uint8_t small_integer = 97, integer = 98, atom_latin1 = 100, small_tuple = 104, nil = 106,
                       small_big = 110, small_atom_latin1 = 115, new_pid = 88, newer_reference = 90,
                       atom_utf8 = 118, small_atom_utf8 = 119;

constexpr std::byte version{131}, header{68}, fragment_header{69}, fragment_continuation{70};

bool skip_atom(Reader& in, std::uint8_t tag) {
  switch (tag) {
    case small_atom_utf8:
    case small_atom_latin1: in.take(in.u8()); break;
    case atom_utf8:
    case atom_latin1: in.take(in.u16()); break;
    default: return false;
  }
  return !in.failed();
}

/// A pid's numbers, when the next term is one.
std::optional<Sender> read_pid(Reader& in) {
  if (in.u8() != new_pid || !skip_atom(in, in.u8())) return std::nullopt;
  Sender sender;
  sender.id = in.u32();
  sender.serial = in.u32();
  sender.creation = in.u32();
  if (in.failed()) return std::nullopt;
  return sender;
}

/// Steps over one of the terms that stand before a sender.
bool skip_term(Reader& in) {
  const std::uint8_t tag = in.u8();
  switch (tag) {
    case small_integer: in.take(1); break;
    case integer: in.take(4); break;
    case small_big: in.take(1u + in.u8()); break;
    case nil: break;
    case new_pid:
      if (!skip_atom(in, in.u8())) return false;
      in.take(12);
      break;
    case newer_reference: {
      const std::size_t words = in.u16();
      if (!skip_atom(in, in.u8())) return false;
      in.take(4 + 4 * words);
      break;
    }
    default: return skip_atom(in, tag);
  }
  return !in.failed();
}

/// Which element of the control tuple is the sender; 0: none (the operations of OTP 25 to 28).
int sender_element(std::uint8_t operation) {
  switch (operation) {
    case 1:                                       // LINK
    case 3: case 13: case 24: case 25:            // EXIT and its variants
    case 4:                                       // UNLINK, before OTP 26
    case 6: case 16:                              // REG_SEND
    case 8: case 18: case 26: case 27:            // EXIT2
    case 19: case 20: case 21: case 28:           // MONITOR_P, DEMONITOR_P, MONITOR_P_EXIT
    case 22: case 23:                             // SEND_SENDER
    case 33: case 34: return 2;                   // ALIAS_SEND
    case 29: case 30:                             // SPAWN_REQUEST
    case 35: case 36:                             // UNLINK_ID, UNLINK_ID_ACK
    case 37: return 3;                            // ALTACT_SIG_SEND
    case 31: case 32: return 5;                   // SPAWN_REPLY: the child, whose other signals come after it
    default: return 0;                            // 2, 12 SEND; 7 GROUP_LEADER; what is newer than us
  }
}

std::optional<Sender> read_sender(ByteView control) {
  Reader in{control};
  if (in.u8() != small_tuple) return std::nullopt;
  const int arity = in.u8();
  if (in.u8() != small_integer) return std::nullopt;
  const int element = sender_element(in.u8());
  if (element == 0 || element > arity) return std::nullopt;
  for (int i = 2; i < element; ++i)
    if (!skip_term(in)) return std::nullopt;
  return read_pid(in);  // an atom here (MONITOR_P_EXIT of a name, a failed spawn) is no sender
}

}  // namespace

std::uint64_t Sender::hash() const {
  std::uint64_t z = (std::uint64_t{serial} << 32 | id) ^ (std::uint64_t{creation} * 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;  // SplitMix64's finalizer
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

FrameHead read_head(ByteView start) {
  FrameHead head;
  if (start.size() < 3 || start[0] != version) return head;
  if (start[1] == header) {
    head.kind = FrameKind::whole;
    head.sender = read_sender(start.subspan(3));
    return head;
  }
  if (start.size() < 18 || (start[1] != fragment_header && start[1] != fragment_continuation)) return head;
  head.sequence = load_be<std::uint64_t>(start.data() + 2);
  head.fragment = load_be<std::uint64_t>(start.data() + 10);
  if (start[1] == fragment_header) {
    if (start.size() < 19) return head;
    head.kind = FrameKind::first_fragment;
    head.sender = read_sender(start.subspan(19));
  } else {
    head.kind = FrameKind::next_fragment;
  }
  return head;
}

bool is_fragment(ByteView start) {
  return start.size() >= 2 && (start[1] == fragment_header || start[1] == fragment_continuation);
}

bool is_deadly(ByteView start) {
  if (start.size() < 3 || start[0] != version) return false;
  if (start[1] == header) return start[2] != std::byte{0};
  // Too short a fragment header is not deadly: the VM refuses it.
  if (start[1] == fragment_header) return start.size() >= deadly_bytes && start[18] != std::byte{0};
  return false;
}

}  // namespace bp2p::dist
