// Follows the handshake of one Erlang distribution connection as its frames pass by, without taking part in it: who
// the two sides say they are, which flags they negotiated, and when it is over.
//
// Source: OTP's "Distribution Protocol" chapter, "Distribution Handshake"; kernel's dist_util.erl.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>

#include "proto/base/bytes.h"
#include "proto/base/node_name.h"

namespace bp2p::dist {

/// The two names a channel is for; nothing: a node without a name, which is given one by the other side.
struct HandshakeNames {
  std::optional<NodeName> dialler;
  std::optional<NodeName> acceptor;
};

enum class HandshakeError : std::uint8_t {
  malformed,    ///< not a handshake frame, or not its turn
  wrong_name,   ///< the name said is not the name proven (I1)
  too_long,
  too_many,     ///< more frames than any handshake has
};

/// For the log.
const char* text_of(HandshakeError error);

class Handshake {
 public:
  explicit Handshake(HandshakeNames names) : names_(std::move(names)) {}

  /// One frame (payload, not empty) of the side that dialled, or of the side that accepted.
  std::expected<void, HandshakeError> on_dialler_frame(ByteView frame);
  std::expected<void, HandshakeError> on_acceptor_frame(ByteView frame);

  /// The acceptor has sent its last frame, `a`: what follows are dist frames.
  bool is_over() const { return over_; }
  /// Both sides have fragments, send with the sender's pid and have no atom cache: the lane rules may be used.
  bool may_use_lanes() const;
  /// The atom cache is not in use, so a frame that refers to it is deadly.
  bool rejects_atom_cache() const { return (flags() & atom_cache) == 0; }
  /// The name that the acceptor gave to a dialler without one.
  const std::optional<NodeName>& given_name() const { return given_name_; }
  std::uint64_t flags() const { return dialler_flags_ & acceptor_flags_; }

  static constexpr std::size_t frame_max = 4096;
  static constexpr int frames_max = 16;

  // DFLAG_* of OTP's dist.hrl.
  static constexpr std::uint64_t atom_cache = 0x2000, fragments = 0x80'0000, send_sender = 0x8'0000,
                                 name_me = 0x2'0000'0000;

 private:
  std::expected<void, HandshakeError> check_name(std::string_view said, const std::optional<NodeName>& proven) const;

  HandshakeNames names_;
  std::uint64_t dialler_flags_ = 0, acceptor_flags_ = 0;
  std::optional<NodeName> given_name_;
  bool dialler_named_ = false, acceptor_named_ = false, over_ = false;
  bool wants_name_ = false;
  int frames_ = 0;
};

}  // namespace bp2p::dist
