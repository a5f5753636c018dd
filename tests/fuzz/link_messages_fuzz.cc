// Messages of a link into a core: first as a stranger sends them, then behind a good HELLO as a hostile member may.
// The input is a list of `Len:16 message`; a length with the highest bit set is time passing, or the disk answering;
// the next bit says that the message comes on the overlay stream.
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/base/check.h"
#include "proto/core/core.h"
#include "proto/trust/admission.h"
#include "proto/wire/local_frame.h"
#include "proto/wire/peer_messages.h"
#include "tests/unit/proto/fake_crypto.h"

namespace {

using namespace bp2p;

void run(ByteView input, bool says_hello) {
  const test::FakeSigning signing{1}, peer{2};
  test::FakeSecrets secrets{1};
  Now now{TimePoint{std::chrono::seconds{1}}, WallTime{1'800'000'000'000}};
  Core core({}, signing, secrets, Rng{1}, now);
  const LinkId link{1};
  bool is_admitted = false, is_closed = false;
  std::uint64_t next_session = 100;
  std::optional<std::vector<NodeName>> reading, storing;
  std::vector<NodeName> pinned;
  Effects out;

  const auto perform = [&] {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Effect effect = out[i];  // `out` may move below
      if (const auto* read = std::get_if<ReadPins>(&effect)) reading = read->names;
      if (const auto* store = std::get_if<StorePins>(&effect)) storing = store->names;
      if (std::holds_alternative<AdmitLink>(effect)) is_admitted = true;
      if (std::holds_alternative<CloseLink>(effect)) is_closed = true;
      if (const auto* send = std::get_if<SendToLink>(&effect)) BP2P_CHECK(peer::decode(send->message).has_value());
      BP2P_CHECK(!std::holds_alternative<StartChannel>(effect) || is_admitted);  // I3
      if (const auto* send = std::get_if<SendToSession>(&effect)) {
        const auto frame = local::decode(send->frame);
        BP2P_CHECK(frame.has_value());
        if (const auto* told = std::get_if<local::Incoming>(&*frame)) {
          BP2P_CHECK(is_admitted);  // I3
          const SessionId leg{next_session++};
          core.on_session_opened(leg, {}, now, out);
          core.on_session_frame(leg, local::encode(local::Accept{told->ticket}), now, out);
        }
      }
    }
    out.clear();
  };
  const auto disk_answers = [&] {
    if (reading) {
      const std::size_t count = reading->size();
      reading.reset();
      core.on_pins_read(link, {std::vector<PinRead>(count, PinRead{std::nullopt}), pinned, pinned.size()}, now, out);
    } else if (storing) {
      pinned.insert(pinned.end(), storing->begin(), storing->end());
      storing.reset();
      core.on_pins_stored(link, true, now, out);
    }
    perform();
  };

  core.on_session_opened(SessionId{50}, {}, now, out);
  core.on_session_frame(SessionId{50}, local::encode(local::Attach{.hidden = false, .listens = true, .name = NodeName::parse("a@h"), .token = {}, .creation = 0}), now, out);
  Exporter exporter;
  core.on_link_opened(link, {peer.own_key(), *Address::parse("10.0.0.2:9100"), exporter, std::nullopt}, now, out);
  if (says_hello) {
    const Bytes record = sign_record({.cluster = "default", .names = {*NodeName::parse("b@h")}, .epoch = 1, .number = 1, .addresses = {},
                                      .capabilities = {}, .issued = now.wall, .expires = now.wall + std::chrono::hours{1}},
                                     peer);
    core.on_link_message(link, LinkStream::link, peer::encode(make_hello(Role::client, exporter, "default", record, peer)), now, out);
    perform();
    disk_answers();
    disk_answers();
    BP2P_CHECK(is_admitted && !is_closed);
  }
  perform();
  Reader in{input};
  while (!in.rest().empty() && !is_closed) {
    const std::uint16_t length = in.u16();
    if ((length & 0x8000) != 0) {
      if ((length & 0x4000) != 0) {
        now.steady += std::chrono::milliseconds{length & 0x3fff};
        core.on_time(now, out);
        perform();
      } else {
        disk_answers();
      }
      continue;
    }
    const LinkStream on = (length & 0x4000) != 0 ? LinkStream::overlay : LinkStream::link;
    core.on_link_message(link, on, in.take(std::min<std::size_t>(length & 0x3fff, in.rest().size())), now, out);
    perform();
    BP2P_CHECK(says_hello || !is_admitted || is_closed || !in.failed());
  }
  (void)core.status(now);
  if (!is_closed) core.on_link_closed(link, {LinkEnd::How::lost, 0, ""}, now, out);
  BP2P_CHECK(core.status(now).links.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bp2p::ByteView input = std::as_bytes(std::span{data, size});
  run(input, false);
  run(input, true);
  return 0;
}
