#include "tests/sim/effect_text.h"

#include "proto/gossip/codec.h"
#include "proto/membership/codec.h"
#include "proto/trust/broadcast.h"
#include "proto/wire/local_frame.h"
#include "proto/wire/peer_messages.h"
#include "proto/wire/term.h"

namespace bp2p::sim {
namespace {

std::string id(auto number) { return std::to_string(number.value); }

std::string listed(const std::vector<NodeName>& names) {
  std::string text;
  for (const NodeName& name : names) text += (text.empty() ? "" : ",") + name.text();
  return text.empty() ? "no names" : text;
}

std::string shown(const std::optional<NodeName>& name) { return name ? name->text() : "nameless"; }

struct Digester {
  Digest& digest;
  void operator()(const Dial& e) { digest.add(e.dial).add(ByteView{e.to.ip}).add(e.to.port); }
  void operator()(const CancelDial& e) { digest.add(e.dial); }
  void operator()(const SendToLink& e) { digest.add(e.link).add(static_cast<std::uint64_t>(e.stream)).add(e.message); }
  void operator()(const AdmitLink& e) { digest.add(e.link); }
  void operator()(const CloseLink& e) { digest.add(e.link).add(static_cast<std::uint64_t>(e.code)).add(e.text); }
  void operator()(const Resolve& e) { digest.add(e.resolve).add(e.name.text()); }
  void operator()(const PublishNames& e) { digest.add(listed(e.names)); }
  void operator()(const ReadPins& e) { digest.add(e.link).add(e.key).add(listed(e.names)); }
  void operator()(const StorePins& e) { digest.add(e.link).add(e.key).add(listed(e.names)); }
  void operator()(const SendToSession& e) { digest.add(e.session).add(e.frame); }
  void operator()(const CloseSession& e) { digest.add(e.session); }
  void operator()(const StartChannel& e) {
    digest.add(e.leg).add(e.link).add(e.channel).add(e.opened_here ? 1 : 0).add(shown(e.names.local)).add(shown(e.names.remote));
  }
  void operator()(const StartLocalChannel& e) {
    digest.add(e.dialler).add(e.acceptor).add(shown(e.names.local)).add(shown(e.names.remote));
  }
  void operator()(const LookAtChannels& e) {
    digest.add(e.session);
    for (const SessionId leg : e.legs) digest.add(leg);
  }
  void operator()(const CloseUnusedChannel& e) { digest.add(e.leg).add(e.passed); }
  void operator()(const Event& e) { digest.add(e.name).add(e.text); }
  void operator()(const CrawlEnded& e) {
    digest.add(e.graph.members);
    for (const auto& daemon : e.graph.daemons) {
      digest.add(daemon.key).add(static_cast<std::uint64_t>(daemon.answer));
      for (const PublicKey& key : daemon.neighbours) digest.add(key);
    }
  }
};

struct FrameText {
  std::string operator()(const local::Attach& f) { return "ATTACH " + shown(f.name); }
  std::string operator()(const local::Attached& f) { return "ATTACHED creation " + std::to_string(f.creation); }
  std::string operator()(const local::Refused& f) { return "REFUSED " + std::string{name_of(f.code)} + ": " + f.text; }
  std::string operator()(const local::Dial& f) { return "DIAL " + f.to.text(); }
  std::string operator()(const local::Accept&) { return "ACCEPT"; }
  std::string operator()(const local::Ready&) { return "READY"; }
  std::string operator()(const local::Incoming& f) { return "INCOMING from " + shown(f.from); }
  std::string operator()(const local::Request&) { return "REQUEST"; }
  std::string operator()(const local::Answer&) { return "ANSWER"; }
  std::string operator()(const local::Event& f) {
    const auto term = decode_term(f.term);
    return "EVENT " + (term ? print_term(*term) : "that is no term");
  }
  std::string operator()(const local::Broadcast& f) { return "BROADCAST of " + std::to_string(f.payload.size()) + " bytes"; }
  std::string operator()(const local::Deliver& f) { return "DELIVER of " + std::to_string(f.payload.size()) + " bytes"; }
};

struct GossipText {
  static std::string of(const gossip::OriginId& origin) {
    char text[16];
    std::snprintf(text, sizeof text, "%02x%02x%02x", unsigned(origin.key.bytes[0]), unsigned(origin.key.bytes[1]), unsigned(origin.key.bytes[2]));
    return std::string{text} + "/" + std::to_string(origin.epoch);
  }
  static std::string list(const std::vector<gossip::Holding>& holdings) {
    std::string text;
    for (const auto& each : holdings) text += " " + of(each.origin) + " " + std::to_string(each.first) + ".." + std::to_string(each.last);
    return text;
  }
  std::string operator()(const gossip::Gossip& m) {
    constexpr std::string_view kinds[] = {"?", "message", "record", "suspicion", "alive", "leaving"};
    const auto kind = m.payload->size() > 64 ? read_broadcast(*m.payload).kind : 0;
    return "Gossip " + of(m.origin) + " " + std::to_string(m.number) + ": " + std::string{kinds[kind < 6 ? kind : 0]};
  }
  std::string operator()(const gossip::IHave& m) { return "IHave" + list(m.holdings); }
  std::string operator()(const gossip::Summary& m) { return "Summary" + list(m.holdings); }
  std::string operator()(const gossip::Graft& m) { return "Graft " + of(m.origin) + (m.ranges.empty() ? "" : " from " + std::to_string(m.ranges[0].from)); }
  std::string operator()(const gossip::Grafted& m) { return "Grafted" + list({m.holding}); }
  std::string operator()(const gossip::Prune& m) { return "Prune " + of(m.origin); }
};

struct MembershipText {
  std::string operator()(const membership::Join&) { return "Join"; }
  std::string operator()(const membership::ForwardJoin&) { return "ForwardJoin"; }
  std::string operator()(const membership::Neighbor& m) { return m.priority == membership::Priority::high ? "Neighbor high" : "Neighbor low"; }
  std::string operator()(const membership::NeighborReply& m) { return m.accepted ? "NeighborReply yes" : "NeighborReply no"; }
  std::string operator()(const membership::Disconnect& m) { return m.leaving ? "Disconnect leaving" : "Disconnect"; }
  std::string operator()(const membership::KeepAlive&) { return "KeepAlive"; }
  std::string operator()(const membership::Shuffle&) { return "Shuffle"; }
  std::string operator()(const membership::ShuffleReply&) { return "ShuffleReply"; }
  std::string operator()(const membership::SwapRequest&) { return "SwapRequest"; }
  std::string operator()(const membership::SwapReply& m) { return m.partner ? "SwapReply yes" : "SwapReply no"; }
  std::string operator()(const membership::Handover&) { return "Handover"; }
};

struct MessageText {
  std::string operator()(const peer::Hello& m) { return "Hello for cluster " + m.cluster; }
  std::string operator()(const peer::RecordUpdate& m) { return "RecordUpdate of " + std::to_string(m.record.size()) + " bytes"; }
  std::string operator()(const peer::ChannelOpen& m) {
    return "ChannelOpen " + std::to_string(m.channel) + " " + shown(m.from) + " -> " + m.to.text();
  }
  std::string operator()(const peer::ChannelOpened& m) { return "ChannelOpened " + std::to_string(m.channel); }
  std::string operator()(const peer::ChannelRefused& m) {
    return "ChannelRefused " + std::to_string(m.channel) + " " + std::string{name_of(m.code)} + ": " + m.text;
  }
  std::string operator()(const peer::ChannelCancel& m) { return "ChannelCancel " + std::to_string(m.channel); }
  std::string operator()(const peer::ChannelUnused& m) { return "ChannelUnused " + std::to_string(m.channel); }
  std::string operator()(const peer::Membership& m) {
    const auto read = membership::decode(m.message, [](ByteView) -> std::expected<membership::ContactPtr, membership::RecordFault> {
      return std::make_shared<const membership::Contact>();
    });
    return read ? std::visit(MembershipText{}, *read) : "what is no message of membership";
  }
  std::string operator()(const peer::Gossip& m) {
    const auto read = gossip::decode(m.message);
    return read ? std::visit(GossipText{}, *read) : "what is no message of gossip";
  }
  std::string operator()(const peer::HeldDown& m) { return "HeldDown " + std::to_string(m.epoch) + " " + std::to_string(m.incarnation); }
  std::string operator()(const peer::RecordsWanted&) { return "RecordsWanted"; }
  std::string operator()(const peer::ViewAsked&) { return "ViewAsked"; }
  std::string operator()(const peer::View& m) { return "View of " + std::to_string(m.records.size()); }
  std::string operator()(const peer::Records& m) { return "Records, " + std::to_string(m.records.size()); }
};

struct Describer {
  std::string operator()(const Dial& e) { return "Dial " + id(e.dial) + " to " + e.to.text(); }
  std::string operator()(const CancelDial& e) { return "CancelDial " + id(e.dial); }
  std::string operator()(const SendToLink& e) { return "SendToLink " + id(e.link) + " " + describe_message(e.message); }
  std::string operator()(const AdmitLink& e) { return "AdmitLink " + id(e.link); }
  std::string operator()(const CloseLink& e) { return "CloseLink " + id(e.link) + " " + std::string{name_of(e.code)} + ": " + e.text; }
  std::string operator()(const Resolve& e) { return "Resolve " + e.name.text(); }
  std::string operator()(const PublishNames& e) { return "PublishNames " + listed(e.names); }
  std::string operator()(const ReadPins& e) { return "ReadPins for link " + id(e.link) + ": " + listed(e.names); }
  std::string operator()(const StorePins& e) { return "StorePins for link " + id(e.link) + ": " + listed(e.names); }
  std::string operator()(const SendToSession& e) {
    const auto frame = local::decode(e.frame);
    return "SendToSession " + id(e.session) + " " + (frame ? std::visit(FrameText{}, *frame) : "what does not decode");
  }
  std::string operator()(const CloseSession& e) { return "CloseSession " + id(e.session); }
  std::string operator()(const StartChannel& e) {
    return "StartChannel leg " + id(e.leg) + " link " + id(e.link) + " channel " + std::to_string(e.channel) +
           (e.opened_here ? " to " : " from ") + shown(e.names.remote);
  }
  std::string operator()(const StartLocalChannel& e) {
    return "StartLocalChannel " + shown(e.names.local) + " -> " + shown(e.names.remote);
  }
  std::string operator()(const LookAtChannels& e) {
    return "LookAtChannels of " + id(e.session) + ": " + std::to_string(e.legs.size());
  }
  std::string operator()(const CloseUnusedChannel& e) { return "CloseUnusedChannel leg " + id(e.leg); }
  std::string operator()(const Event& e) { return "Event " + e.name + ": " + e.text; }
  std::string operator()(const CrawlEnded& e) { return "CrawlEnded, " + std::to_string(e.graph.daemons.size()) + " daemons"; }
};

}  // namespace

void add(Digest& digest, const Effect& effect) {
  digest.add(effect.index());
  std::visit(Digester{digest}, effect);
}

std::string describe(const Effect& effect) { return std::visit(Describer{}, effect); }

std::string describe_message(ByteView message) {
  const auto decoded = peer::decode(message);
  return decoded ? std::visit(MessageText{}, *decoded) : std::to_string(message.size()) + " bytes that are no message";
}

}  // namespace bp2p::sim
