#include "proto/wire/local_frame.h"

#include "proto/base/utf8.h"
#include "proto/wire/limits.h"

namespace bp2p::local {
namespace {

enum class Type : std::uint8_t {
  attach = 1, attached = 2, refused = 3, dial = 4, accept = 5, ready = 6, incoming = 7, request = 8, answer = 9,
  event = 10, broadcast = 11, deliver = 12,
};

constexpr std::uint8_t flag_hidden = 1;
constexpr std::uint8_t flag_does_not_listen = 2;

Writer begin(Type type) {
  Writer writer;
  writer.u8(static_cast<std::uint8_t>(type));
  return writer;
}

std::expected<NodeName, FrameError> node_name(std::string_view text) {
  constexpr std::size_t name_bytes_max = 255;
  if (text.size() > name_bytes_max) return std::unexpected{FrameError::too_long};
  if (!utf8_count(text)) return std::unexpected{FrameError::bad_text};
  auto name = NodeName::parse(text);
  if (!name) return std::unexpected{FrameError::bad_name};
  return std::move(*name);
}

/// Empty text is a node without a name.
std::expected<std::optional<NodeName>, FrameError> optional_name(std::string_view text) {
  if (text.empty()) return std::optional<NodeName>{};
  return node_name(text);
}

/// What every decoder ends with: it was all there, and nothing is left.
std::optional<FrameError> unfinished(const Reader& in) {
  if (in.failed()) return FrameError::truncated;
  if (!in.rest().empty()) return FrameError::trailing_bytes;
  return std::nullopt;
}

using Decoded = std::expected<Frame, FrameError>;

Decoded decode_attach(Reader& in) {
  const std::uint8_t flags = in.u8();
  const std::string_view name_text = in.text16();
  Attach attach;
  in.fill(attach.token.bytes);
  attach.creation = in.u32();
  if (const auto error = unfinished(in)) return std::unexpected{*error};
  if ((flags & ~(flag_hidden | flag_does_not_listen)) != 0) return std::unexpected{FrameError::bad_flags};
  auto name = optional_name(name_text);
  if (!name) return std::unexpected{name.error()};
  attach.hidden = (flags & flag_hidden) != 0;
  attach.listens = (flags & flag_does_not_listen) == 0;
  attach.name = std::move(*name);
  return attach;
}

Decoded decode_attached(Reader& in) {
  Attached attached;
  attached.creation = in.u32();
  in.fill(attached.token.bytes);
  attached.port = in.u16();
  attached.fingerprint = in.text16();
  if (const auto error = unfinished(in)) return std::unexpected{*error};
  if (attached.creation < 4) return std::unexpected{FrameError::bad_creation};
  if (!utf8_count(attached.fingerprint)) return std::unexpected{FrameError::bad_text};
  return attached;
}

Decoded decode_refused(Reader& in) {
  Refused refused;
  refused.code = static_cast<RefuseCode>(in.u16());
  refused.text = in.text16();
  if (const auto error = unfinished(in)) return std::unexpected{*error};
  if (!utf8_count(refused.text)) return std::unexpected{FrameError::bad_text};
  return refused;
}

Decoded decode_dial(Reader& in) {
  SessionToken token;
  in.fill(token.bytes);
  const std::string_view to_text = in.text16();
  if (const auto error = unfinished(in)) return std::unexpected{*error};
  auto to = node_name(to_text);
  if (!to) return std::unexpected{to.error()};
  return Dial{token, std::move(*to)};
}

Decoded decode_accept(Reader& in) {
  Accept accept;
  in.fill(accept.ticket.bytes);
  if (const auto error = unfinished(in)) return std::unexpected{*error};
  return accept;
}

Decoded decode_incoming(Reader& in) {
  Incoming incoming;
  in.fill(incoming.ticket.bytes);
  const std::string_view from_text = in.text16();
  if (const auto error = unfinished(in)) return std::unexpected{*error};
  auto from = optional_name(from_text);
  if (!from) return std::unexpected{from.error()};
  incoming.from = std::move(*from);
  return incoming;
}

bool begins_as_term(ByteView bytes) {
  constexpr std::byte term{131}, compressed{80};
  return bytes.size() >= 2 && bytes[0] == term && bytes[1] != compressed;
}

template <class WithTerm>
Decoded decode_with_term(Reader& in) {
  const std::uint32_t id = in.u32();
  if (in.failed()) return std::unexpected{FrameError::truncated};
  if (!begins_as_term(in.rest())) return std::unexpected{FrameError::bad_term};
  return WithTerm{id, in.rest()};
}

Decoded decode_event(Reader& in) {
  if (!begins_as_term(in.rest())) return std::unexpected{FrameError::bad_term};
  return Event{in.rest()};
}

Decoded decode_broadcast(Reader& in) {
  const std::uint32_t id = in.u32();
  const ByteView tag = in.take(in.u16());
  if (in.failed()) return std::unexpected{FrameError::truncated};
  return Broadcast{id, tag, in.rest()};
}

Decoded decode_deliver(Reader& in) {
  const ByteView tag = in.take(in.u16());
  if (in.failed()) return std::unexpected{FrameError::truncated};
  return Deliver{tag, in.rest()};
}

template <class WithTerm>
Bytes encode_with_term(Type type, const WithTerm& frame) {
  return begin(type).u32(frame.id).raw(frame.term).take();
}

std::string_view text_of(const std::optional<NodeName>& name) {
  return name ? std::string_view{name->text()} : std::string_view{};
}

}  // namespace

std::expected<Frame, FrameError> decode(ByteView payload) {
  if (payload.empty()) return std::unexpected{FrameError::truncated};
  if (payload.size() > limits::session_frame_bytes_max) return std::unexpected{FrameError::too_large};
  Reader in{payload};
  const auto type = static_cast<Type>(in.u8());
  const bool is_first = type == Type::attach || type == Type::dial || type == Type::accept;
  if (is_first && payload.size() > limits::first_frame_bytes_max) return std::unexpected{FrameError::too_large};
  if (is_first || type == Type::attached) {
    const std::uint8_t version = in.u8();
    if (in.failed()) return std::unexpected{FrameError::truncated};
    if (version != limits::local_version) return std::unexpected{FrameError::bad_version};
  }
  switch (type) {
    case Type::attach: return decode_attach(in);
    case Type::attached: return decode_attached(in);
    case Type::refused: return decode_refused(in);
    case Type::dial: return decode_dial(in);
    case Type::accept: return decode_accept(in);
    case Type::ready:
      if (!in.rest().empty()) return std::unexpected{FrameError::trailing_bytes};
      return Ready{};
    case Type::incoming: return decode_incoming(in);
    case Type::request: return decode_with_term<Request>(in);
    case Type::answer: return decode_with_term<Answer>(in);
    case Type::event: return decode_event(in);
    case Type::broadcast: return decode_broadcast(in);
    case Type::deliver: return decode_deliver(in);
  }
  return std::unexpected{FrameError::unknown_type};
}

std::string_view describe(FrameError error) {
  switch (error) {
    case FrameError::unknown_type: return "there is no frame of this type";
    case FrameError::truncated: return "the frame is shorter than its type says";
    case FrameError::trailing_bytes: return "the frame is longer than its type says";
    case FrameError::bad_version: return "this daemon speaks version 1 of the node socket";
    case FrameError::bad_name: return "that is not a node name (alive@host, at most 255 bytes)";
    case FrameError::bad_text: return "a text in the frame is not UTF-8";
    case FrameError::too_long: return "the name has more than 255 bytes";
    case FrameError::bad_flags: return "the frame has flags that version 1 does not know";
    case FrameError::bad_creation: return "a creation is 4 or more";
    case FrameError::bad_term: return "what should be a term does not begin with 131, or is compressed";
    case FrameError::too_large: return "the frame is larger than its type may be";
  }
  return "the frame does not decode";
}

RefuseCode refuse_code(FrameError error) {
  switch (error) {
    case FrameError::bad_version: return RefuseCode::bad_version;
    case FrameError::bad_text:
    case FrameError::too_long:
    case FrameError::bad_name: return RefuseCode::bad_name;
    default: return RefuseCode::bad_frame;
  }
}

Bytes encode(const Attach& frame) {
  const auto flags = static_cast<std::uint8_t>((frame.hidden ? flag_hidden : 0) | (frame.listens ? 0 : flag_does_not_listen));
  return begin(Type::attach)
      .u8(limits::local_version)
      .u8(flags)
      .text16(text_of(frame.name))
      .raw(frame.token.bytes)
      .u32(frame.creation)
      .take();
}

Bytes encode(const Attached& frame) {
  return begin(Type::attached)
      .u8(limits::local_version)
      .u32(frame.creation)
      .raw(frame.token.bytes)
      .u16(frame.port)
      .text16(frame.fingerprint)
      .take();
}

Bytes encode(const Refused& frame) {
  return begin(Type::refused)
      .u16(static_cast<std::uint16_t>(frame.code))
      .text16(std::string_view{frame.text}.substr(0, limits::refused_text_bytes_max))
      .take();
}

Bytes encode(const Dial& frame) {
  return begin(Type::dial).u8(limits::local_version).raw(frame.token.bytes).text16(frame.to.text()).take();
}

Bytes encode(const Accept& frame) {
  return begin(Type::accept).u8(limits::local_version).raw(frame.ticket.bytes).take();
}

Bytes encode(const Ready&) { return begin(Type::ready).take(); }

Bytes encode(const Incoming& frame) {
  return begin(Type::incoming).raw(frame.ticket.bytes).text16(text_of(frame.from)).take();
}

Bytes encode(const Request& frame) { return encode_with_term(Type::request, frame); }
Bytes encode(const Answer& frame) { return encode_with_term(Type::answer, frame); }

Bytes encode(const Event& frame) { return begin(Type::event).raw(frame.term).take(); }

Bytes encode(const Broadcast& frame) {
  return begin(Type::broadcast).u32(frame.id).text16(as_text(frame.tag)).raw(frame.payload).take();
}

Bytes encode(const Deliver& frame) { return begin(Type::deliver).text16(as_text(frame.tag)).raw(frame.payload).take(); }

}  // namespace bp2p::local
