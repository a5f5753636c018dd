// Peer records: as a stranger would send them (the signature is wrong) and with the body signed by the peer, which
// a hostile member can do.
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/base/check.h"
#include "proto/trust/peer_record.h"
#include "proto/wire/limits.h"
#include "tests/unit/proto/fake_crypto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bp2p;
  const ByteView bytes = std::as_bytes(std::span{data, size});
  const test::FakeSigning peer{2};
  const RecordRules rules{peer.own_key(), "default", WallTime{1'800'000'000'000}};
  (void)verify_record(bytes, rules, peer);

  Writer text;
  text.raw(as_bytes(std::string_view{"barrel-p2p peer record 1\0", 25})).raw(bytes);
  Writer signed_record;
  signed_record.raw(peer.own_key().bytes).raw(peer.sign(text.take()).bytes).raw(bytes);
  const Bytes whole = signed_record.take();
  (void)verify_record(whole, {peer.own_key(), "default", std::nullopt}, peer);  // as the address book is read
  const auto record = verify_record(whole, rules, peer);
  if (!record) return 0;
  BP2P_CHECK(record->body.names.size() <= limits::names_per_record_max);
  BP2P_CHECK(record->body.cluster == "default");
  const auto again = peer::decode_record_body(peer::encode_record_body(record->body));
  BP2P_CHECK(again.has_value());
  BP2P_CHECK(*again == record->body);
  return 0;
}
