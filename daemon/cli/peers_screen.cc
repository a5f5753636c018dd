#include "daemon/cli/peers_screen.h"

#include "daemon/cli/text_table.h"
#include "daemon/cli/view.h"

namespace bp2p::cli {

std::string peers_screen(const json& answer) {
  TextTable table{{{"PEERS"}, {"IS"}, {"ADDRESS"}, {"RTT", true}, {"LOSS", true}, {"IN", true}, {"OUT", true},
                   {"SINCE"}, {"KEY"}}};
  std::size_t neighbours = 0, spares = 0;
  for (const json& peer : list(answer, "peers")) {
    const std::string role = text(member(peer, "role"));
    neighbours += role == "neighbour";
    spares += role == "spare";
    std::string is = role;
    if (role == "neighbour") is += " " + text(member(peer, "direction"));
    if (member(peer, "admitted") == false) is += " (not admitted yet)";
    if (const json& failures = member(peer, "failures"); failures.is_number() && failures > 0) is += " (" + text(failures) + " failed)";
    table.add({names_of(peer), is, text(member(peer, "address")), round_trip(member(peer, "rtt_us")),
               percent(member(peer, "loss")), bytes(member(peer, "bytes_in")), bytes(member(peer, "bytes_out")),
               span(member(peer, "since_ms")), text(member(peer, "fingerprint"))});
  }
  const std::string summary = std::to_string(neighbours) + " of " + text(member(answer, "neighbours_wanted")) + " neighbours, " +
                              std::to_string(spares) + " spares\n";
  return list(answer, "peers").empty() ? "PEERS  none\n" : summary + table.text();
}

std::string attempts_table(const json& attempts) {
  TextTable table{{{"TIME"}, {"ADDRESS"}, {"PHASE"}, {"RESULT"}, {"CODE"}}};
  for (const json& each : attempts)
    table.add({text(member(each, "time")), text(member(each, "address")), text(member(each, "phase")),
               text(member(each, "result")), text_or(member(each, "code"), "")});
  return table.text();
}

std::string peer_screen(const json& answer) {
  std::string out = text(member(answer, "peer"));
  const json& trying = member(answer, "trying");
  if (trying.is_object())
    out += "  not connected, next try in " + span(member(trying, "next_try_in_ms")) + " (" + text(member(trying, "failures")) + " failed)";
  else if (member(answer, "joining") == true)
    out += "  is being joined";
  out += "\n";
  for (const json& daemon : list(answer, "daemons")) {
    out += "daemon " + text(member(daemon, "fingerprint"));
    if (member(daemon, "self") == true) out += "  this one";
    if (const json& life = member(daemon, "member"); life.is_string()) out += "  member, " + text(life);
    if (const json& role = member(daemon, "role"); role.is_string()) out += "  " + text(role);
    if (const json& address = member(daemon, "address"); address.is_string())
      out += "  at " + text(address) + " " + round_trip(member(daemon, "rtt_us"));
    else if (!list(daemon, "addresses").empty())
      out += "  says it is at " + joined(list(daemon, "addresses"), " ");
    out += "\n";
  }
  if (list(answer, "daemons").empty()) out += "no daemon is known that serves it\n";
  const json& attempts = list(answer, "attempts");
  out += "\n" + (attempts.empty() ? "nothing was tried\n" : attempts_table(attempts));
  for (auto each = attempts.rbegin(); each != attempts.rend(); ++each) {
    if (!member(*each, "code").is_string()) break;
    out += "\nwhat it means:  barrel-p2pd explain " + text(member(*each, "code")) + "\n";
    break;
  }
  return out;
}

std::string members_screen(const json& answer) {
  const json& counts = member(answer, "counts");
  std::string out;
  for (const char* status : {"alive", "suspected", "down", "left"})
    if (const json& count = member(counts, status); count.is_number() && (count > 0 || out.empty()))
      out += (out.empty() ? "" : ", ") + text(count) + " " + status;
  TextTable table{{{"MEMBERS"}, {"STATUS"}, {"KEY"}}};
  for (const json& each : list(answer, "members"))
    table.add({names_of(each), text(member(each, "status")) + (member(each, "self") == true ? " (this one)" : ""),
               text(member(each, "fingerprint"))});
  return out + "\n" + table.text();
}

}  // namespace bp2p::cli
