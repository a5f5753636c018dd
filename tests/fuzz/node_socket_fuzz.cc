// Frames of the node socket into a core with two nodes attached. The input is a list of steps: a byte says which
// connection and what happens to it, two bytes how long a frame is, then the frame.
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/base/check.h"
#include "proto/core/core.h"
#include "proto/wire/local_frame.h"
#include "tests/unit/proto/fake_crypto.h"

namespace {

using namespace bp2p;

SessionToken known_token() {  // so that a DIAL in the corpus finds its session
  SessionToken token;
  token.bytes.fill(std::byte{0x11});
  return token;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::FakeSigning signing{1};
  test::FakeSecrets secrets{1};
  Now now{TimePoint{std::chrono::seconds{1}}, WallTime{1'800'000'000'000}};
  Core core({}, signing, secrets, Rng{1}, now);
  Effects out;
  core.on_session_opened(SessionId{1000}, {}, now, out);
  core.on_session_frame(SessionId{1000},
                        local::encode(local::Attach{.hidden = false, .listens = true, .name = NodeName::parse("a@h"),
                                                    .token = known_token(), .creation = 5}),
                        now, out);
  bool is_open[8] = {};
  Reader in{std::as_bytes(std::span{data, size})};
  while (!in.rest().empty()) {
    out.clear();
    const std::uint8_t step = in.u8();
    const SessionId id{step % 8u};
    bool& open = is_open[id.value];
    switch (step / 8 % 4) {
      case 0:
      case 1: {
        const std::size_t length = std::min<std::size_t>(in.u16(), in.rest().size());
        const ByteView frame = in.take(length);
        if (!open) core.on_session_opened(id, {.uid = step / 32u}, now, out);
        open = true;
        core.on_session_frame(id, frame, now, out);
        break;
      }
      case 2:
        if (open) core.on_session_closed(id, now, out);
        open = false;
        break;
      case 3:
        now.steady += std::chrono::seconds{step / 32};
        core.on_time(now, out);
        break;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (const auto* send = std::get_if<SendToSession>(&out[i])) BP2P_CHECK(local::decode(send->frame).has_value());
      if (const auto* closing = std::get_if<CloseSession>(&out[i]); closing != nullptr && closing->session.value < 8)
        is_open[closing->session.value] = false;
      if (const auto* asked = std::get_if<Resolve>(&out[i])) {
        const ResolveId resolve = asked->resolve;  // `out` may move
        core.on_resolved(resolve, {}, now, out);
      }
    }
    BP2P_CHECK(core.next_deadline() >= now.steady);
    (void)core.status(now);
  }
  return 0;
}
