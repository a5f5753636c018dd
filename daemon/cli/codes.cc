#include "daemon/cli/codes.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "proto/wire/codes.h"

namespace bp2p::cli {
namespace {

CodeText refused(RefuseCode code, std::string_view cause, std::string_view fix) {
  return {CodeFamily::refused, static_cast<std::uint64_t>(code), cause, fix};
}
CodeText link(LinkCode code, std::string_view cause, std::string_view fix) {
  return {CodeFamily::link, static_cast<std::uint64_t>(code), cause, fix};
}

}  // namespace

const std::vector<CodeText>& code_table() {
  static const std::vector<CodeText> table{
      refused(RefuseCode::bad_frame, "Something that is not the node protocol spoke on the node socket.",
              "Use the barrel_p2p application that belongs to this daemon; the text says what did not decode."),
      refused(RefuseCode::bad_version, "The node's barrel_p2p application and the daemon speak different versions.",
              "Upgrade the older of the two."),
      refused(RefuseCode::duplicate_name, "A living node of this host is attached under that name.",
              "Choose another -name or -sname, or stop the other node; `barrel-p2pd status` shows its pid."),
      refused(RefuseCode::bad_token, "The session is not known any more, or belongs to another user.",
              "Nothing: a node attaches again by itself. If it stays, restart the node."),
      refused(RefuseCode::bad_ticket, "The channel that was announced is gone: it took longer than 5 s to accept it.",
              "Look why the node was busy; the peer tries again when a process needs it."),
      refused(RefuseCode::not_allowed, "The user may not use the node socket, or may not use that name.",
              "Add the user to host.node_socket_group, or to the name in auth.name_owners."),
      refused(RefuseCode::bad_name, "That is not a node name.",
              "Use alive@host, without spaces, slashes and control characters, at most 255 bytes."),
      refused(RefuseCode::too_many, "64 nodes are attached, or too many channels are being opened.",
              "Look in `barrel-p2pd status` for what opens so many; spread the nodes over hosts."),
      refused(RefuseCode::unknown_node, "No backend of [discovery] knows where the node's daemon is.",
              "Add the name to [discovery.static], or make the part after the @ resolve in DNS."),
      refused(RefuseCode::unreachable, "There are addresses for the name, and none answered.",
              "Is the peer's daemon running? Does UDP reach its port (firewall, NAT)? The text names what was tried."),
      refused(RefuseCode::not_trusted, "The peer's key is not the one pinned for the name, or strict mode has no pin.",
              "Compare fingerprints (`barrel-p2pd keys show` there, `keys list` here). If the key is right, believe it here:\n"
              "`barrel-p2pd keys pin NAME HEX` with the 64 digits that `keys show` prints there, or its node.pub."),
      refused(RefuseCode::no_such_node, "The peer's daemon runs; no node of that name is attached to it.",
              "Start the node, or correct the name."),
      refused(RefuseCode::timed_out, "There was no answer within 7 s.",
              "Look at RTT and LOSS in `barrel-p2pd status`, and at the peer's log."),
      refused(RefuseCode::shutting_down, "A daemon is stopping.", "Wait until it is back; nodes attach by themselves."),
      refused(RefuseCode::not_listening,
              "The node was started with -dist_listen false, or did not answer within 5 s.",
              "Connect from that node instead, or look why it is busy."),
      refused(RefuseCode::moved, "Between daemons: two links crossed, and the request belongs on the other one.",
              "Nothing: the daemons ask again by themselves."),
      link(LinkCode::goodbye, "The peer stopped, or had no more use for the link.", "Nothing."),
      link(LinkCode::duplicate, "Both daemons connected at once; one of the two links stays.", "Nothing."),
      link(LinkCode::bad_message, "A message did not decode, or came out of turn.",
           "Upgrade the older of the two daemons; if they are equal, report it with the text."),
      link(LinkCode::wrong_cluster, "The peer belongs to another cluster.",
           "Set the same cluster.name at both, or correct the address that led there."),
      link(LinkCode::bad_record, "The peer's record is not signed by its key, is older than one seen, or expired.",
           "Compare the clocks of the two hosts. After a restored backup, remove nothing; start the daemon once more."),
      link(LinkCode::bad_binding, "The HELLO was made for another connection.",
           "Somebody between the two relays handshakes, or a proxy ends QUIC. Connect them directly."),
      link(LinkCode::not_trusted, "The peer's key is not the one pinned for its name, or strict mode has no pin.",
           "Compare fingerprints (`barrel-p2pd keys show` there, `keys list` here). If the key is right, believe it here:\n"
           "`barrel-p2pd keys pin NAME HEX` with the 64 digits that `keys show` prints there, or its node.pub."),
      link(LinkCode::pin_unreadable, "The pin of the peer's name is missing, torn, or cannot be read here.",
           "`barrel-p2pd keys list` names the file. Restore it, or pin the name again with `keys pin`."),
      link(LinkCode::hello_timeout, "The peer did not say a HELLO that could be accepted within 5 s.",
           "Look at the peer's log and its load."),
      link(LinkCode::name_taken, "A name of the peer is served by another key, or by this daemon.",
           "Two hosts use one node name, or a host runs with a copy of another's keys.\n"
           "Rename one, or remove the copy."),
      link(LinkCode::unsupported_version, "The daemons have no protocol version in common.",
           "Upgrade the older of the two."),
      link(LinkCode::self, "The daemon reached itself.", "Correct the address in [discovery.static] or in DNS."),
      link(LinkCode::misbehaved, "The peer showed a forged record, or did again and again what no daemon does.",
           "Upgrade the older of the two daemons; if they are equal, the other one is not what it should be: look at it."),
  };
  return table;
}

std::string_view CodeText::name() const {
  return family == CodeFamily::link ? name_of(static_cast<LinkCode>(number)) : name_of(static_cast<RefuseCode>(number));
}

std::string CodeText::label() const {
  if (family == CodeFamily::refused) return "refused " + std::to_string(number);
  char text[32];
  std::snprintf(text, sizeof text, number == 0 ? "link 0" : "link 0x%llx", static_cast<unsigned long long>(number));
  return text;
}

std::vector<CodeText> find_codes(std::string_view word) {
  const bool hexadecimal = word.starts_with("0x");
  const std::string_view digits = hexadecimal ? word.substr(2) : word;
  std::uint64_t number = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, number, hexadecimal ? 16 : 10);
  const bool is_number = error == std::errc{} && end == last;
  std::vector<CodeText> found;
  std::ranges::copy_if(code_table(), std::back_inserter(found), [&](const CodeText& code) {
    return code.name() == word || code.label() == word || (is_number && code.number == number);
  });
  return found;
}

}  // namespace bp2p::cli
