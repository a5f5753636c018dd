#include "daemon/cli/status_screen.h"

#include <map>

#include "daemon/cli/text_table.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {
namespace {

std::uint64_t count(const json& value) { return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0; }

std::string overlay(const json& status) {
  const json& overlay = member(status, "overlay");
  if (!overlay.is_object()) return "";
  const json& members = member(overlay, "members");
  std::string out = "neighbours " + std::to_string(list(overlay, "neighbours").size()) + " of " +
                    text(member(overlay, "neighbours_wanted")) + ", " + std::to_string(list(overlay, "spares").size()) + " spares, " +
                    std::to_string(count(member(members, "alive")) + count(member(members, "suspected"))) + " members";
  std::string notes;
  for (const char* which : {"suspected", "down"})
    if (const auto number = count(member(members, which)); number > 0)
      notes += (notes.empty() ? "" : ", ") + std::to_string(number) + " " + which;
  if (!notes.empty()) out += " (" + notes + ")";
  if (member(overlay, "joined") == false) out += "; in no cluster yet";
  return out + "\n";
}

std::string header(const json& status) {
  std::string out = text(member(status, "host")) + "  barrel-p2pd " + text(member(status, "version")) + "  up " +
                    span(member(status, "uptime_ms")) + "  " + text(member(status, "state")) + "\n";
  out += "key " + text(member(status, "fingerprint")) + "  trust " + text(member(status, "trust")) + ", " +
         text(member(status, "pins")) + " pins  cluster " + text(member(status, "cluster")) + "\n";
  out += "udp " + joined(list(status, "udp"), " ");
  if (!list(status, "advertised").empty()) out += " -> " + joined(list(status, "advertised"), " ");
  return out + "\n" + overlay(status);
}

std::string nodes(const json& status) {
  std::map<std::string, int> channels;
  for (const json& channel : list(status, "channels")) {
    ++channels[text(member(channel, "local"))];
    // Two nodes of this daemon: the channel has an end at each.
    if (member(channel, "link").is_null()) ++channels[text(member(channel, "remote"))];
  }
  TextTable table{{{"NODES HERE"}, {"SINCE"}, {"CHANNELS", true}, {"UID", true}, {"PID", true}, {""}}};
  for (const json& node : list(status, "nodes")) {
    const std::string name = text_or(member(node, "name"), "(no name)");
    std::string notes = member(node, "hidden") == true ? "hidden" : "";
    if (member(node, "listens") == false) notes += std::string{notes.empty() ? "" : ", "} + "does not listen";
    table.add({name, span(member(node, "since_ms")), std::to_string(channels[name]), text(member(node, "uid")),
               text(member(node, "pid")), notes});
  }
  return list(status, "nodes").empty() ? "NODES HERE  none\n" : table.text();
}

std::string peers(const json& status) {
  const json& links = list(status, "links");
  if (links.empty()) return "PEERS  none\n";
  TextTable table{{{"PEERS"}, {"ADDRESS"}, {"RTT", true}, {"LOSS", true}, {"MTU", true}, {"IN", true}, {"OUT", true},
                   {"SINCE"}, {"KEY"}}};
  for (const json& link : links) {
    std::string names = joined(list(link, "names"), " ");
    if (member(link, "admitted") == false) names = "(not admitted yet)";
    else if (names.empty() && !list(link, "pinned").empty()) names = "(no nodes; was " + joined(list(link, "pinned"), " ") + ")";
    else if (names.empty()) names = "(no nodes)";
    table.add({names, text(member(link, "address")), round_trip(member(link, "rtt_us")),
               percent(member(link, "loss")), text(member(link, "mtu")), bytes(member(link, "bytes_in")),
               bytes(member(link, "bytes_out")), span(member(link, "since_ms")), text(member(link, "fingerprint"))});
  }
  return table.text();
}

std::string channels(const json& status) {
  const json& all = list(status, "channels");
  if (all.empty()) return "CHANNELS  none\n";
  TextTable table{{{"CHANNELS"}, {"TO"}, {"IN", true}, {"OUT", true}, {"QUEUE", true}, {"SINCE"}, {""}}};
  for (const json& channel : all) {
    const json& in = member(channel, "queued_in");
    const json& out = member(channel, "queued_out");
    const json queued = in.is_number() && out.is_number()
                            ? json(in.get<std::uint64_t>() + out.get<std::uint64_t>())
                            : json(nullptr);
    std::string notes = member(channel, "link").is_null() ? "on this host" : "";
    if (const json& blocked = member(channel, "blocked_ms"); blocked.is_number())
      notes += std::string{notes.empty() ? "" : ", "} + "slow reader for " + span(blocked);
    table.add({text_or(member(channel, "local"), "(no name)"), text_or(member(channel, "remote"), "(no name)"),
               bytes(member(channel, "bytes_in")), bytes(member(channel, "bytes_out")), bytes(queued),
               span(member(channel, "since_ms")), notes});
  }
  return table.text();
}

std::string trying(const json& status) {
  std::string out;
  for (const json& one : list(status, "trying"))
    out += "  " + text(member(one, "name")) + "  next try in " + span(member(one, "next_try_in_ms")) + ", " +
           text(member(one, "failures")) + " failed: " + text(member(one, "last_error")) + "\n";
  return out.empty() ? "" : "\nNOT REACHED\n" + out;
}

}  // namespace

std::string status_screen(const json& status) {
  return header(status) + "\n" + nodes(status) + "\n" + peers(status) + "\n" + channels(status) + trying(status);
}

}  // namespace bp2p::cli
