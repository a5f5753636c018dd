#include "proto/dist/handshake.h"

#include <string_view>

namespace bp2p::dist {
namespace {
using Result = std::expected<void, HandshakeError>;

Result malformed() { return std::unexpected(HandshakeError::malformed); }

struct Introduction {
  std::uint64_t flags = 0;
  std::string_view name;
};

/// `N Flags:64 Creation:32 NameLen:16 Name` of a dialler, with a challenge before Creation of an acceptor; or the form
/// before OTP 23, `n Version:16 Flags:32 [Challenge:32] Name`. Bytes after the name are for extensions.
std::optional<Introduction> read_introduction(ByteView frame, bool of_acceptor) {
  Reader in{frame};
  Introduction said;
  if (in.u8() == 'N') {
    said.flags = in.u64();
    in.take(of_acceptor ? 8 : 4);
    said.name = in.text16();
  } else {
    in.take(2);
    said.flags = in.u32();
    if (of_acceptor) in.take(4);
    said.name = as_text(in.rest());
  }
  if (in.failed()) return std::nullopt;
  return said;
}

}  // namespace

Result Handshake::check_name(std::string_view said, const std::optional<NodeName>& proven) const {
  if (!proven || said != proven->text()) return std::unexpected(HandshakeError::wrong_name);
  return {};
}

Result Handshake::on_dialler_frame(ByteView frame) {
  if (frame.size() > frame_max) return std::unexpected(HandshakeError::too_long);
  if (++frames_ > frames_max) return std::unexpected(HandshakeError::too_many);
  if (frame.empty() || over_) return malformed();
  switch (static_cast<char>(frame[0])) {
    case 'N':
    case 'n': {
      const auto said = read_introduction(frame, false);
      if (!said || dialler_named_) return malformed();
      dialler_named_ = true;
      dialler_flags_ = said->flags;
      wants_name_ = (said->flags & name_me) != 0;
      // A node without a name says its host and is given the rest; a node with a name may not pretend to have none.
      if (wants_name_) return names_.dialler ? std::unexpected(HandshakeError::wrong_name) : Result{};
      return check_name(said->name, names_.dialler);
    }
    case 's':  // true or false, in answer to `alive`
    case 'c':  // the upper half of the flags, after `n`
      if (frame[0] == std::byte{'c'} && frame.size() >= 9) {
        dialler_flags_ = (dialler_flags_ & 0xffff'ffffULL) | std::uint64_t{load_be<std::uint32_t>(frame.data() + 1)} << 32;
      }
      return dialler_named_ ? Result{} : malformed();
    case 'r': return dialler_named_ && acceptor_named_ ? Result{} : malformed();
    default: return malformed();
  }
}

Result Handshake::on_acceptor_frame(ByteView frame) {
  if (frame.size() > frame_max) return std::unexpected(HandshakeError::too_long);
  if (++frames_ > frames_max) return std::unexpected(HandshakeError::too_many);
  if (frame.empty() || over_ || !dialler_named_) return malformed();
  switch (static_cast<char>(frame[0])) {
    case 's': {
      constexpr std::string_view named = "snamed:";
      if (!as_text(frame).starts_with(named)) return {};
      Reader in{frame.subspan(named.size())};
      const auto name = NodeName::parse(in.text16());
      if (in.failed() || !name || !wants_name_ || given_name_) return malformed();
      given_name_ = name;
      return {};
    }
    case 'N':
    case 'n': {
      const auto said = read_introduction(frame, true);
      if (!said || acceptor_named_) return malformed();
      acceptor_named_ = true;
      acceptor_flags_ = said->flags;
      return check_name(said->name, names_.acceptor);
    }
    case 'a':
      if (!acceptor_named_) return malformed();
      over_ = true;
      return {};
    default: return malformed();
  }
}

bool Handshake::may_use_lanes() const {
  const std::uint64_t both = flags();
  return (both & fragments) != 0 && (both & send_sender) != 0 && (both & atom_cache) == 0;
}

const char* text_of(HandshakeError error) {
  switch (error) {
    case HandshakeError::malformed: return "the handshake is malformed";
    case HandshakeError::wrong_name: return "the handshake names a node that was not proven";
    case HandshakeError::too_long: return "a handshake frame is too long";
    case HandshakeError::too_many: return "the handshake does not end";
  }
  return "the handshake failed";
}

}  // namespace bp2p::dist
