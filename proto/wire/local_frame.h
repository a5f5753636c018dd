// The frames of the node socket (docs/wire.md section 1), as typed values. The length in front of each is the
// driver's business; what is here is one payload.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/wire/codes.h"

namespace bp2p::local {

struct Attach {
  bool hidden = false;
  bool listens = true;
  std::optional<NodeName> name;
  SessionToken token;  ///< zero: the first time
  std::uint32_t creation = 0;
};
struct Attached {
  std::uint32_t creation = 0;
  SessionToken token;
  std::uint16_t port = 0;
  std::string fingerprint;
};
struct Refused {
  RefuseCode code{};
  std::string text;
};
struct Dial {
  SessionToken token;
  NodeName to;
};
struct Accept {
  Ticket ticket;
};
struct Ready {};
struct Incoming {
  Ticket ticket;
  std::optional<NodeName> from;
};
struct Request {
  std::uint32_t id = 0;
  ByteView term;  ///< inside the decoded frame
};
struct Answer {
  std::uint32_t id = 0;
  ByteView term;  ///< inside the decoded frame
};

/// What a session subscribed to has happened.
struct Event {
  ByteView term;  ///< inside the decoded frame
};
/// A broadcast to everybody who subscribed to the tag, here and elsewhere. Answered by Answer.
struct Broadcast {
  std::uint32_t id = 0;
  ByteView tag;      ///< inside the decoded frame, and so is the payload
  ByteView payload;
};
struct Deliver {
  ByteView tag;
  ByteView payload;
};

using Frame = std::variant<Attach, Attached, Refused, Dial, Accept, Ready, Incoming, Request, Answer, Event, Broadcast, Deliver>;

enum class FrameError : std::uint8_t {
  unknown_type,
  truncated,
  trailing_bytes,
  bad_version,
  bad_text,      ///< not UTF-8
  too_long,      ///< a name of more than 255 bytes
  bad_name,      ///< text, but no node name
  bad_flags,     ///< flags that version 1 does not have
  bad_creation,  ///< below 4
  bad_term,      ///< does not begin as a term does, or is compressed
  too_large,
};

/// Decodes one payload. The whole span must be consumed; nothing is allocated for a length that is not there.
/// A frame with a version of its own is judged by the version first, for the rest may look different then.
std::expected<Frame, FrameError> decode(ByteView payload);

/// A sentence for REFUSED and the log.
std::string_view describe(FrameError error);
/// Versions and names have codes of their own, the rest is bad_frame.
RefuseCode refuse_code(FrameError error);

Bytes encode(const Attach& frame);
Bytes encode(const Attached& frame);
Bytes encode(const Refused& frame);
Bytes encode(const Dial& frame);
Bytes encode(const Accept& frame);
Bytes encode(const Ready& frame);
Bytes encode(const Incoming& frame);
Bytes encode(const Request& frame);
Bytes encode(const Answer& frame);
Bytes encode(const Event& frame);
Bytes encode(const Broadcast& frame);
Bytes encode(const Deliver& frame);

}  // namespace bp2p::local
