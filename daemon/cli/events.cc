#include "daemon/cli/events.h"

#include <algorithm>

namespace bp2p::cli {

const std::vector<EventText>& event_table() {
  static const std::vector<EventText> table{
      {"channel.broken", "A connection between two nodes ended without either of them closing it; both saw nodedown."},
      {"channel.impersonation",
       "A peer asked for a connection in the name of a node that its key is not proven for; it was refused."},
      {"channel.reaped",
       "A connection that nobody used was closed, with the consent of both nodes; the next message opens another (level debug)."},
      {"clock.stepped", "The host's clock was set by more than five minutes. The records of all are asked for once more."},
      {"daemon.failed", "The daemon cannot start, or cannot go on; the text says why."},
      {"daemon.ready", "The daemon has started: peers can reach it and nodes can attach."},
      {"daemon.stopping", "The daemon was told to stop; it tells its nodes and its peers."},
      {"dial.failed", "An address of a peer did not answer, or what answered is no daemon (level debug)."},
      {"discovery.command", "The program of discovery.command failed, or said something on standard error; said once a minute."},
      {"discovery.file",
       "A file of discovery.directory cannot be read, or one of ours cannot be written there (tried again every 10 s); said once a minute."},
      {"gossip.gap", "Broadcasts of a daemon were missed: this one was cut off, or too slow, for longer than others keep them."},
      {"gossip.odd", "A neighbour did with broadcasts what an honest one does at most when it was stopped or is cut off (level debug)."},
      {"host.addresses", "The host has other addresses than before, and peers are told; host.advertise would fix them."},
      {"identity.new", "No key was found, so one was made: to its peers this daemon is a new one. A wrong state_dir does that, too."},
      {"identity.shared", "Two daemons run with copies of one key; remove `keys` in the state_dir of one of them."},
      {"link.admitted", "A link to a peer stands: its key is proven for the names in the text."},
      {"link.closed", "A link that stood is gone; the text says who closed it and why."},
      {"link.refused",
       "A link did not come about. Refused by us or by the peer, the text has the code: `barrel-p2pd explain CODE`."},
      {"member.cleared", "A daemon that was suspected lives."},
      {"member.down", "A daemon is held to be down: some could not reach it, and it did not say in time that it lives."},
      {"member.left", "A daemon left the cluster: it was stopped, or told to leave."},
      {"member.suspected", "A daemon lost another one and cannot reach it again; if that lives, it says so."},
      {"member.up", "A daemon is heard of for the first time, or again (level debug)."},
      {"name.taken", "Two daemons say that they serve one node name; rename one of the nodes."},
      {"overlay.alone", "The last neighbour was lost: this daemon looks for its cluster, by its contacts and its address book."},
      {"overlay.book_not_saved", "The address book could not be written; after a restart the daemon may need its contacts again."},
      {"overlay.book_unreadable", "The address book of the last run is of no use; the daemon joins by its contacts alone."},
      {"overlay.join_failed", "A contact could not be reached, so nothing was joined through it: `barrel-p2pd peers CONTACT` has what was tried."},
      {"overlay.joined", "This daemon has a neighbour, and by that is in the cluster."},
      {"overlay.left", "This daemon left its cluster, and stays alone until it is told to join."},
      {"overlay.neighbour", "Another daemon became a neighbour: a link is kept with it, and broadcasts go over it (level debug)."},
      {"overlay.neighbour_gone", "A daemon is no neighbour any more; only the reason `lost` may mean that it is down (others: level debug)."},
      {"overlay.unreachable", "The overlay had something to say to a daemon that could not be reached (level debug)."},
      {"pin.missing", "A pin that was made is gone from the trusted keys; the peer is refused until it is back or unpinned."},
      {"pin.new", "A key was seen for a name for the first time, and is pinned to it (trust mode tofu)."},
      {"pin.none", "A peer has no name that is pinned, and trust mode strict refuses it; pin one with `keys pin`."},
      {"pin.not_stored", "New pins could not be written, so the peer that they are for is refused; look at the disk."},
      {"pin.other_key", "A peer came with another key than the one pinned for its name; if it was reinstalled: `keys unpin`."},
      {"pin.refused", "The file of a pin cannot be used; the text names it. `barrel-p2pd keys list` shows all of them."},
      {"pin.taken_back", "A pin was removed while its peer was linked; the name is not believed any more."},
      {"pin.unreadable", "The file of a pin cannot be read; the peer is refused until it is repaired."},
      {"pins.limited", "More new names than allowed within an hour; they are pinned as soon as they may be, or now with `keys pin`. Nobody you know? Then somebody is knocking."},
      {"pins.not_stored", "Pins could not be written; the text has the file and the system's reason."},
      {"redial.given_up", "A node that was lost is not looked for any more, because nobody asks for it."},
      {"session.attached", "A node of this host attached."},
      {"session.ended", "A node of this host left, or was ended."},
      {"session.name_refused", "A node without a name got one from its peer that it may not have here, and lost its session."},
      {"session.named", "A node without a name was given one by its peer."},
      {"session.not_allowed",
       "A user may not use the node socket (host.node_socket_group) or a name (auth.name_owners); it was refused."},
      {"udp.small_buffer", "The kernel grants smaller UDP buffers than wanted; `sysctl net.core.rmem_max` raises them."},
  };
  return table;
}

const EventText* find_event(std::string_view name) {
  const auto found = std::ranges::find(event_table(), name, &EventText::name);
  return found == event_table().end() ? nullptr : &*found;
}

}  // namespace bp2p::cli
