#include "daemon/quic/gate.h"

#include <gtest/gtest.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <array>

#include "daemon/entropy.h"

namespace bp2p::quic {
namespace {

constexpr ngtcp2_tstamp now = 1'000'000'000'000;

class GateTest : public ::testing::Test {
 protected:
  /// A client's first datagram, as far as a gate looks at it: header, ids, token, and 1,200 bytes.
  Bytes initial(ByteView token = {}, std::uint32_t version = NGTCP2_PROTO_VER_V1, ByteView destination = {}) {
    Writer out;
    out.u8(0xc3).u32(version);
    const Bytes id = destination.empty() ? Bytes(18, std::byte{7}) : Bytes{destination.begin(), destination.end()};
    out.u8(static_cast<std::uint8_t>(id.size())).raw(id).u8(8).raw(Bytes(8, std::byte{9}));
    out.u16(static_cast<std::uint16_t>(0x4000 | token.size())).raw(token);
    Bytes bytes = out.take();
    const std::size_t left = 1200 - bytes.size() - 2;
    const Bytes length = Writer{}.u16(static_cast<std::uint16_t>(0x4000 | left)).take();
    bytes.insert(bytes.end(), length.begin(), length.end());
    bytes.resize(1200, std::byte{1});
    return bytes;
  }

  Gate::Decision decide(Gate& gate, const Bytes& bytes, std::size_t half_open = 0, std::size_t links = 0,
                        ngtcp2_tstamp at = now) {
    const Datagram datagram{from_, *Address::parse("10.0.0.1:9100"), 0, bytes};
    ngtcp2_version_cid invariant{};
    const int decoded = ngtcp2_pkt_decode_version_cid(&invariant, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                                      bytes.size(), 18);
    EXPECT_TRUE(decoded == 0 || decoded == NGTCP2_ERR_VERSION_NEGOTIATION);
    return gate.decide(datagram, invariant, decoded != 0, half_open, links, at, out_);
  }

  /// The token and the new id in a Retry packet (RFC 9000 section 17.2.5).
  std::pair<Bytes, Bytes> read_retry(std::size_t size) {
    Reader in{ByteView{out_}.first(size)};
    in.take(5);
    in.take(in.u8());
    const ByteView id = in.take(in.u8());
    const ByteView token = in.rest().first(in.rest().size() - 16);
    return {Bytes{token.begin(), token.end()}, Bytes{id.begin(), id.end()}};
  }

  SystemSecrets secrets_;
  ResetKey key_{std::byte{1}};
  Address from_ = *Address::parse("10.0.0.9:5000");
  std::array<std::byte, 2048> out_{};
};

TEST_F(GateTest, LetsAnInitialIn) {
  Gate gate{{}, key_, secrets_};
  EXPECT_EQ(decide(gate, initial()).answer, Gate::Answer::accept);
}

TEST_F(GateTest, AsksForTheAddressWhenManyAreHalfOpen) {
  Gate gate{{.retry_above = 100}, key_, secrets_};
  const auto asked = decide(gate, initial(), 100);
  ASSERT_EQ(asked.answer, Gate::Answer::reply);
  EXPECT_LE(asked.reply_size, 3u * 1200) << "RFC 9000 section 8.1";
  const auto [token, id] = read_retry(asked.reply_size);

  const auto shown = decide(gate, initial(token, NGTCP2_PROTO_VER_V1, id), 100);
  EXPECT_EQ(shown.answer, Gate::Answer::accept);
  EXPECT_TRUE(shown.original_id);
}

TEST_F(GateTest, TakesATokenOnlyFromTheAddressAndTheTimeItWasMadeFor) {
  Gate gate{{.retry_above = 1}, key_, secrets_};
  const auto [token, id] = read_retry(decide(gate, initial(), 1).reply_size);
  const Bytes with_token = initial(token, NGTCP2_PROTO_VER_V1, id);

  EXPECT_NE(decide(gate, with_token, 1, 0, now + 60 * NGTCP2_SECONDS).answer, Gate::Answer::accept) << "too late";
  from_ = *Address::parse("10.0.0.66:5000");
  EXPECT_NE(decide(gate, with_token, 1).answer, Gate::Answer::accept) << "from another address";
  from_ = *Address::parse("10.0.0.9:5000");
  Bytes bent = token;
  bent[5] ^= std::byte{1};
  EXPECT_NE(decide(gate, initial(bent, NGTCP2_PROTO_VER_V1, id), 1).answer, Gate::Answer::accept);
  EXPECT_EQ(decide(gate, with_token, 1).answer, Gate::Answer::accept) << "the same, untouched";

  // A daemon that was restarted has the key from its disk.
  Gate restarted{{.retry_above = 1}, key_, secrets_};
  EXPECT_EQ(decide(restarted, with_token, 1).answer, Gate::Answer::accept);
  Gate another{{.retry_above = 1}, ResetKey{std::byte{2}}, secrets_};
  EXPECT_NE(decide(another, with_token, 1).answer, Gate::Answer::accept);
}

TEST_F(GateTest, HasACeiling) {
  Gate gate{{.half_open_max = 10, .retry_above = 1000, .links_max = 20}, key_, secrets_};
  EXPECT_NE(decide(gate, initial(), 10).answer, Gate::Answer::accept);
  EXPECT_NE(decide(gate, initial(), 0, 20).answer, Gate::Answer::accept);
  EXPECT_EQ(gate.counters().refused, 2u);
}

TEST_F(GateTest, LimitsHandshakesPerSecond) {
  Gate gate{{.handshakes_per_second = 50}, key_, secrets_};
  int accepted = 0;
  for (int i = 0; i < 500; ++i) accepted += decide(gate, initial()).answer == Gate::Answer::accept ? 1 : 0;
  EXPECT_EQ(accepted, 50);
  EXPECT_EQ(gate.counters().over_rate, 450u);
  EXPECT_EQ(decide(gate, initial(), 0, 0, now + NGTCP2_SECONDS).answer, Gate::Answer::accept) << "a second later";
}

TEST_F(GateTest, OffersItsVersionForAnother) {
  Gate gate{{}, key_, secrets_};
  const auto decision = decide(gate, initial({}, 0x1a2a3a4a));
  ASSERT_EQ(decision.answer, Gate::Answer::reply);
  EXPECT_EQ(load_be<std::uint32_t>(out_.data() + 1), 0u) << "a Version Negotiation packet has version 0";
  EXPECT_LT(decision.reply_size, 100u);
}

TEST_F(GateTest, AnswersAPacketOfAnUnknownConnectionWithAResetThatIsSmaller) {
  Gate gate{{}, key_, secrets_};
  Bytes packet(100, std::byte{0x40});
  const auto decision = decide(gate, packet);
  ASSERT_EQ(decision.answer, Gate::Answer::reply);
  EXPECT_LT(decision.reply_size, packet.size());
  // The token at its end is the one that a connection with this id was given before a restart.
  ngtcp2_cid id{};
  ngtcp2_cid_init(&id, reinterpret_cast<const std::uint8_t*>(packet.data()) + 1, 18);
  std::array<std::uint8_t, NGTCP2_STATELESS_RESET_TOKENLEN> token{};
  Gate{{}, key_, secrets_}.make_reset_token(id, token.data());
  EXPECT_TRUE(std::equal(token.begin(), token.end(),
                         reinterpret_cast<const std::uint8_t*>(out_.data()) + decision.reply_size - token.size()));

  // A long header of version 0 may carry ids longer than any of QUIC version 1.
  ngtcp2_version_cid long_id{};
  const std::vector<std::uint8_t> id_bytes(255);
  long_id.dcid = id_bytes.data();
  long_id.dcidlen = id_bytes.size();
  Gate other{{}, key_, secrets_};
  EXPECT_EQ(other.decide({from_, from_, 0, packet}, long_id, false, 0, 0, now, out_).answer, Gate::Answer::ignore);

  packet.resize(22);
  EXPECT_EQ(decide(gate, packet).reply_size, 21u);
  packet.resize(21);
  EXPECT_EQ(decide(gate, packet).answer, Gate::Answer::ignore) << "two daemons must not answer each other for ever";
}

TEST_F(GateTest, SendsLittleToStrangers) {
  Gate gate{{}, key_, secrets_};
  std::size_t replies = 0;
  for (int i = 0; i < 5000; ++i) replies += decide(gate, Bytes(60, std::byte{0x40})).answer == Gate::Answer::reply ? 1 : 0;
  EXPECT_LE(replies, 200u);
  Bytes small = initial();
  small.resize(1199);
  EXPECT_EQ(decide(gate, small).answer, Gate::Answer::ignore) << "too small for an Initial";
}

}  // namespace
}  // namespace bp2p::quic
