// Membership and gossip of hostile members into a core: well-formed messages, about contacts and origins that the input
// picks, in any order, from two links, while time passes and dials fail. What does not decode is link_messages' work.
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "proto/base/check.h"
#include "proto/core/core.h"
#include "proto/gossip/codec.h"
#include "proto/membership/codec.h"
#include "proto/trust/admission.h"
#include "proto/trust/broadcast.h"
#include "proto/wire/peer_messages.h"
#include "tests/unit/proto/fake_crypto.h"

namespace {

using namespace bp2p;

class Played {
 public:
  explicit Played(ByteView input) : in_(input), core_({}, signing_, secrets_, Rng{1}, now_) {
    for (const LinkId link : {LinkId{1}, LinkId{2}}) meet(link);
  }

  void run() {
    while (!in_.rest().empty()) {
      step();
      perform();
    }
    Effects out;
    core_.on_stop(now_, out);
    (void)core_.status(now_);
    BP2P_CHECK(core_.address_book(now_).size() <= membership::Config{}.book_size);
  }

 private:
  static std::uint8_t seed_of(LinkId link) { return static_cast<std::uint8_t>(link.value + 1); }

  Bytes record(std::uint8_t seed, std::uint64_t epoch) const {
    return sign_record({.cluster = "default", .names = {}, .epoch = epoch, .number = 1,
                        .addresses = {*Address::parse("10.0.0." + std::to_string(seed) + ":9100")}, .capabilities = {},
                        .issued = now_.wall, .expires = now_.wall + std::chrono::hours{1}}, test::FakeSigning{seed});
  }
  void meet(LinkId link) {
    const test::FakeSigning peer{seed_of(link)};
    Exporter exporter;
    core_.on_link_opened(link, {peer.own_key(), *Address::parse("10.0.0." + std::to_string(seed_of(link)) + ":9100"), exporter, std::nullopt}, now_, out_);
    core_.on_link_message(link, LinkStream::link, peer::encode(make_hello(Role::client, exporter, "default", record(seed_of(link), 1), peer)), now_, out_);
    open_[link] = true;
    perform();
  }
  /// One of twelve, ourselves and the links' own among them; sometimes started again.
  membership::ContactPtr contact() {
    const std::uint8_t pick = in_.u8();
    membership::Contact made;
    made.record = std::make_shared<const Bytes>(record(static_cast<std::uint8_t>(1 + pick % 12), 1 + pick / 128));
    return std::make_shared<const membership::Contact>(std::move(made));
  }
  membership::Contacts contacts() {
    membership::Contacts some;
    for (int left = in_.u8() % 8; left > 0; --left) some.push_back(contact());
    return some;
  }
  gossip::OriginId origin() {
    const std::uint8_t pick = in_.u8();
    return {test::key_of(static_cast<std::uint8_t>(1 + pick % 12)), 1u + pick / 128};
  }
  std::uint64_t number() {
    const std::uint8_t pick = in_.u8();
    return pick < 250 ? pick : in_.u64();
  }
  gossip::Holding holding() {
    const auto of = origin();
    const auto first = number();
    return {of, first, number()};
  }
  std::vector<gossip::Holding> holdings() {
    std::vector<gossip::Holding> some;
    for (int left = in_.u8() % 6; left > 0; --left) some.push_back(holding());
    return some;
  }
  gossip::Gossip broadcast() {
    const auto of = origin();
    const auto at = number();
    const auto kind = static_cast<BroadcastKind>(in_.u8() % 7);
    const ByteView body = in_.take(std::min<std::size_t>(in_.u8(), in_.rest().size()));
    const test::FakeSigning signer{static_cast<std::uint8_t>(of.key.bytes[0])};
    return {of, at, number(), std::make_shared<const Bytes>(sign_broadcast({"default", of.epoch, at}, kind, body, signer))};
  }
  Bytes message() {
    using namespace membership;
    const std::uint8_t kind = in_.u8() % 22;
    const auto membership = [](const Message& each) { return peer::encode(peer::Membership{encode(each)}); };
    const auto gossip = [](const gossip::Message& each) { return peer::encode(peer::Gossip{gossip::encode(each)}); };
    switch (kind) {
      case 0: return membership(Join{});
      case 1: return membership(ForwardJoin{contact(), in_.u8()});
      case 2: return membership(Neighbor{in_.u8() % 2 == 0 ? Priority::high : Priority::low});
      case 3: return membership(NeighborReply{in_.u8() % 2 == 0});
      case 4: return membership(Disconnect{in_.u8() % 2 == 0, contacts()});
      case 5: return membership(KeepAlive{});
      case 6: return membership(Shuffle{contact(), in_.u8(), in_.u8() % 2 == 0, contacts()});
      case 7: return membership(ShuffleReply{contacts()});
      case 8: return membership(SwapRequest{contact()});
      case 9: return membership(SwapReply{in_.u8() % 2 == 0 ? contact() : nullptr});
      case 10: return membership(Handover{contact()});
      case 11: return gossip(broadcast());
      case 12: return gossip(gossip::IHave{holdings()});
      case 13: return gossip(gossip::Summary{holdings(), in_.u8() % 2 == 0});
      case 14: return gossip(gossip::Graft{origin(), {{number(), number()}}});
      case 15: return gossip(gossip::Grafted{holding()});
      case 16: return gossip(gossip::Prune{origin()});
      case 17: return peer::encode(peer::RecordsWanted{});
      case 18: return peer::encode(peer::Records{{*contact()->record}});
      case 19: return peer::encode(peer::HeldDown{number(), number()});
      case 20: return peer::encode(peer::ViewAsked{});
      default: {
        peer::View view;
        for (const auto& each : contacts()) view.records.push_back(*each->record);
        return peer::encode(view);
      }
    }
  }
  void step() {
    const std::uint8_t what = in_.u8();
    const LinkId link{1u + what % 2};
    if (what >= 240) {
      now_.steady += std::chrono::milliseconds{in_.u16()};
      return core_.on_time(now_, out_);
    }
    if (what >= 232) return core_.on_join(*Address::parse("10.0.0.9:9100"), now_, out_);
    if (what >= 224) return core_.on_leave(now_, out_);
    if (what >= 216) return core_.on_link_backlog(link, in_.u16() * 64u, now_, out_);
    if (!open_[link]) return meet(link);
    if (what >= 208) {
      open_[link] = false;
      return core_.on_link_closed(link, {LinkEnd::How::lost, 0, ""}, now_, out_);
    }
    if (what >= 200) return core_.on_crawl(now_, out_);
    core_.on_link_message(link, LinkStream::overlay, message(), now_, out_);
  }
  void perform() {
    for (std::size_t i = 0; i < out_.size(); ++i) {
      const Effect effect = out_[i];  // `out_` may move below
      if (const auto* dial = std::get_if<Dial>(&effect)) core_.on_dial_failed(dial->dial, DialError::no_answer, now_, out_);
      if (const auto* read = std::get_if<ReadPins>(&effect)) core_.on_pins_read(read->link, {std::vector<PinRead>(read->names.size()), {}, 0, {}}, now_, out_);
      if (const auto* close = std::get_if<CloseLink>(&effect)) open_[close->link] = false;
      if (const auto* send = std::get_if<SendToLink>(&effect)) BP2P_CHECK(peer::decode(send->message).has_value());
      BP2P_CHECK(i < 100'000);  // one input has an end
    }
    out_.clear();
  }

  Reader in_;
  Now now_{TimePoint{std::chrono::seconds{1}}, WallTime{1'800'000'000'000}};
  const test::FakeSigning signing_{1};
  test::FakeSecrets secrets_{1};
  Core core_;
  Effects out_;
  std::map<LinkId, bool> open_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Played{std::as_bytes(std::span{data, size})}.run();
  return 0;
}
