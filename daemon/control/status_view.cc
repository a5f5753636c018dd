#include "daemon/control/status_view.h"

#include "daemon/control/json_parts.h"
#include "daemon/control/overlay_view.h"
#include "daemon/crypto.h"

namespace bp2p::control {
namespace {

json session_json(const SessionStatus& session) {
  return {{"session", session.session.value},     {"name", name_json(session.name)}, {"uid", session.uid},
          {"pid", session.pid},                   {"creation", session.creation},    {"hidden", session.hidden},
          {"listens", session.listens},           {"since_ms", in_ms(session.since)}};
}

json link_json(const LinkStatus& link, const LinkTraffic* traffic, const std::vector<NodeName>& pinned) {
  json out = {{"link", link.link.value},
              {"fingerprint", fingerprint(link.key)},
              {"address", link.address.text()},
              {"dialled_here", link.dialled_here},
              {"admitted", link.admitted},
              {"names", names_json(link.names)},
              {"pinned", names_json(pinned)},
              {"since_ms", in_ms(link.since)}};
  if (traffic) add_traffic(*traffic, out);
  return out;
}

json channel_json(const ChannelStatus& channel, const ChannelTraffic* traffic) {
  json out = {{"leg", channel.leg.value},
              {"link", channel.link ? json(channel.link->value) : json(nullptr)},
              {"local", name_json(channel.local)},
              {"remote", name_json(channel.remote)},
              {"opened_here", channel.opened_here},
              {"since_ms", in_ms(channel.since)}};
  if (!traffic) return out;
  out["bytes_in"] = traffic->bytes_in;
  out["bytes_out"] = traffic->bytes_out;
  out["frames_in"] = traffic->frames_in;
  out["frames_out"] = traffic->frames_out;
  out["queued_in"] = traffic->queued_in;
  out["queued_out"] = traffic->queued_out;
  out["blocked_ms"] = traffic->blocked_for ? json(in_ms(*traffic->blocked_for)) : json(nullptr);
  return out;
}

}  // namespace

void add_traffic(const LinkTraffic& traffic, json& out) {
  const double sent = static_cast<double>(traffic.packets_sent);
  out["rtt_us"] = in_us(traffic.rtt);
  out["min_rtt_us"] = in_us(traffic.min_rtt);
  out["packets_sent"] = traffic.packets_sent;
  out["packets_lost"] = traffic.packets_lost;
  out["loss"] = sent > 0 ? static_cast<double>(traffic.packets_lost) / sent : 0.0;
  out["mtu"] = traffic.mtu;
  out["bytes_in"] = traffic.bytes_in;
  out["bytes_out"] = traffic.bytes_out;
  out["congestion_window"] = traffic.congestion_window;
}

json status_json(const DaemonStatus& status) {
  json out = {{"schema", "barrel-p2pd/status/1"},
              {"host", status.host},
              {"version", status.version},
              {"state", status.stopping ? "stopping" : "ready"},
              {"uptime_ms", in_ms(status.uptime)},
              {"fingerprint", status.fingerprint},
              {"trust", status.trust == Trust::tofu ? "tofu" : "strict"},
              {"pins", status.pins},
              {"cluster", status.cluster},
              {"udp", addresses_json(status.udp)},
              {"advertised", addresses_json(status.advertised)}};
  json& nodes = out["nodes"] = json::array();
  for (const auto& session : sorted(status.core.sessions, &SessionStatus::session))
    nodes.push_back(session_json(session));
  const auto pinned_on = [&](LinkId link) {
    const auto entry = status.pinned.find(link);
    return entry == status.pinned.end() ? std::vector<NodeName>{} : entry->second;
  };
  json& links = out["links"] = json::array();
  for (const auto& link : sorted(status.core.links, &LinkStatus::link))
    links.push_back(link_json(link, find(status.links, &LinkTraffic::link, link.link), pinned_on(link.link)));
  json& channels = out["channels"] = json::array();
  for (const auto& channel : sorted(status.core.channels, &ChannelStatus::leg))
    channels.push_back(channel_json(channel, find(status.channels, &ChannelTraffic::leg, channel.leg)));
  json& trying = out["trying"] = json::array();
  for (const auto& one : sorted(status.core.trying, &TryingStatus::name))
    trying.push_back({{"name", one.name.text()},
                      {"last_error", one.last_error},
                      {"failures", one.failures},
                      {"next_try_in_ms", in_ms(one.next_try_in)}});
  out["overlay"] = overlay_json(status.core.overlay);
  json& counters = out["counters"] = json::object();
  counters["channels_reaped"] = status.core.channels_reaped;
  counters["refused_frames"] = status.core.refused_frames;
  counters["refused_links"] = status.core.refused_links;
  counters["refused_sessions"] = status.core.refused_sessions;
  add_overlay_counters(status.core.overlay, counters);
  for (const auto& [name, value] : status.counters) counters[name] = value;
  return out;
}

}  // namespace bp2p::control
