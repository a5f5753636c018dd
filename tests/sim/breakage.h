// What the self-test breaks on purpose, each behind a switch of its own, to see that a checker notices. One at a time.
#pragma once
#include <cstdint>
#include <string_view>

namespace bp2p::sim {

enum class Breakage : std::uint8_t {
  none,
  wrong_names,        ///< the driver hands the data road another node's name
  pins_forget,        ///< the pin store says `stored` and keeps nothing
  lost_admission,     ///< what a link says reaches a node though nobody admitted the link
  believes_all,       ///< every signature is good
  node_hears_twice,   ///< a node hears of one channel twice
  same_creation,      ///< every start of a node is given the same creation
  deaf_to_hang_ups,   ///< the driver does not tell the core that a connection of the node socket is gone
  no_patience,        ///< a pause of any length costs all links
  closes_nothing,     ///< the driver does not perform CloseLink
  unseeded,           ///< something is drawn from outside of the seed
  silent_stop,        ///< a daemon that stops does not say so
  lost_timer,         ///< the driver arms no timer
  tells_too_often,    ///< a node is told of one channel a thousand times
  deaf_discovery,     ///< look-ups are not answered
  no_contacts,        ///< daemons are started without contacts
  goodbyes_lost,      ///< who is no neighbour any more is not told
  payloads_lost,      ///< one daemon gets no broadcast of an application
  delivers_twice,     ///< a node is told everything twice
  leaves_unsaid,      ///< a daemon that stops does not tell the cluster
  one_neighbour,      ///< a daemon has room for one neighbour
  chatty,             ///< a hundredth of what a daemon may send is too much
};

}  // namespace bp2p::sim
