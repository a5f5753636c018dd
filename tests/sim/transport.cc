#include "tests/sim/transport.h"

#include "proto/wire/limits.h"
#include "proto/wire/peer_messages.h"

namespace bp2p::sim {

Bytes Transport::carry(const Bytes& message) {
  if (message.size() > limits::peer_message_bytes_max) complain_("a daemon says a message that is larger than any may be");
  if (kind_ == Kind::value) return message;

  Writer framed;
  framed.u32(static_cast<std::uint32_t>(message.size())).raw(message);
  const Bytes stream = framed.take();
  Bytes in;
  for (ByteView rest = stream; !rest.empty();) {
    const std::size_t part = 1 + rng_.below(rest.size());
    in.insert(in.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(part));
    rest = rest.subspan(part);
  }
  const Bytes heard{in.begin() + 4, in.end()};
  const auto decoded = peer::decode(heard);
  if (!decoded) {
    complain_("a daemon says what does not decode: " + std::string{peer::describe(decoded.error())});
    return heard;
  }
  const Bytes again = peer::encode(*decoded);
  if (again != heard) complain_("a message is another one after it was read and written");
  return again;
}

}  // namespace bp2p::sim
