// The data road's parsers: lanes into a merge, heads of frames into the router, and a handshake. The first byte chooses
// the rule; then pieces `Lane:8 Size:8 bytes`. Checked: bounds (I20), and that what comes out is what went in (I5).
// Links: proto_dist
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "proto/dist/frame.h"
#include "proto/dist/handshake.h"
#include "proto/dist/merge.h"
#include "proto/dist/route.h"

using namespace bp2p;
using namespace bp2p::dist;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto rule = static_cast<LaneRule>(data[0] % 3);
  const bool guard = (data[0] & 4) != 0;
  Reader in{{reinterpret_cast<const std::byte*>(data) + 1, size - 1}};
  Merge merge{{.rule = rule, .frame_max = 1 << 20, .guard = guard}};
  Router router{rule, 8};
  Handshake handshake{{NodeName::parse("a@host"), NodeName::parse("b@host")}};
  if ((data[0] & 8) == 0) merge.open_gate();
  std::uint64_t fed = 0, credited = 0;
  std::vector<After> after;
  while (!in.rest().empty()) {
    const std::uint8_t lane = in.u8();
    const std::size_t length = in.u8();
    const ByteView piece = in.take(std::min(length, in.rest().size()));

    read_head(piece);
    is_deadly(piece);
    after.clear();
    const std::uint8_t chosen = router.route(read_head(piece), after);
    if (chosen >= router.lanes()) std::abort();
    for (const After& each : after)
      if (each.lane >= router.lanes() || each.lane == chosen || each.frames > router.sent(each.lane)) std::abort();
    if (lane % 3 == 0) router.on_acknowledged(chosen, router.sent(chosen));
    static_cast<void>(lane % 2 == 0 ? handshake.on_dialler_frame(piece) : handshake.on_acceptor_frame(piece));

    if (!merge.on_bytes(lane % 9, piece)) return 0;
    fed += piece.size();
    std::array<ByteView, 5> spans;
    Credit credit{};
    const std::size_t count = merge.gather(spans, 1 + lane * 16u);
    std::size_t got = 0;
    for (std::size_t i = 0; i < count; ++i) got += spans[i].size();
    if (got > 1 + lane * 16u) std::abort();
    merge.consume(got, credit);
    for (const std::uint32_t each : credit) credited += each;
    if (merge.held() + credited != fed) std::abort();
  }
  return 0;
}
