// Every size and rate of the two wires that somebody can push against, and where each figure comes from.
// "guess" marks one that nothing has measured yet.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proto/base/now.h"

namespace bp2p::limits {

// --- the node socket (docs/wire.md 1) ------------------------------------------------------------------

inline constexpr std::uint8_t local_version = 1;
/// Before a session stands: ATTACH with its two longest strings is under 400 bytes.
inline constexpr std::size_t first_frame_bytes_max = 4096;
/// security.md, "The local door".
inline constexpr std::size_t session_frame_bytes_max = std::size_t{16} << 20;
/// A text of REFUSED; guess. One line on a terminal is 200.
inline constexpr std::size_t refused_text_bytes_max = 1024;
/// Connections that have not said yet what they are. 5 s each; guess: a VM that restarts dials all its peers at once.
inline constexpr std::size_t fresh_sessions_max = 512;
/// DIALs under way: of one node, and of all. `global` on a large cluster dials every peer at once; guess.
inline constexpr std::size_t dials_per_session_max = 512;
inline constexpr std::size_t dials_max = 2048;

// --- between daemons (docs/wire.md 2) ------------------------------------------------------------------

inline constexpr std::uint32_t peer_version = 1;
inline constexpr std::size_t peer_message_bytes_max = std::size_t{1} << 20;
/// 64 names and 16 addresses of full length, 32 capabilities: about 20 KiB.
inline constexpr std::size_t record_bytes_max = 32 * 1024;
inline constexpr std::size_t cluster_bytes_max = 255;
inline constexpr std::size_t names_per_record_max = 64;      // as many as sessions (security.md)
inline constexpr std::size_t addresses_per_record_max = 16;  // peer.proto
inline constexpr std::size_t capabilities_per_record_max = 32;
inline constexpr std::size_t capability_bytes_max = 64;
/// security.md: expires <= 24 h.
inline constexpr WallTime record_life_max = std::chrono::hours{24};
/// How far two hosts' clocks may be apart before records are refused. Kerberos has lived with 5 minutes since 1988.
inline constexpr WallTime clock_tolerance = std::chrono::minutes{5};

/// A dist connection costs the peer a socket and buffers; 1,024 is 16 x 64 sessions. Guess.
inline constexpr std::size_t channels_per_link_max = 1024;
/// A peer's ChannelOpens that wait for our nodes to dial back.
inline constexpr std::size_t incoming_per_link_max = 256;
inline constexpr std::size_t incoming_per_session_max = 256;
/// A peer's messages that wait while its names are looked up among the pins.
inline constexpr std::size_t held_messages_max = 64;
inline constexpr std::size_t held_bytes_max = 256 * 1024;
/// Links without an accepted HELLO: the ceiling of half-open handshakes in security.md.
inline constexpr std::size_t links_half_open_max = 1000;
/// Links at all. Cluster members keep a handful (HyParView) plus those their nodes ask for; guess.
inline constexpr std::size_t links_max = 8192;
/// Links of one key. Two is what happens when both dial at once; more is somebody playing.
inline constexpr std::size_t links_per_key_max = 4;
/// Names that are dialled again after their link was lost.
inline constexpr std::size_t redials_max = 1024;
/// What one look-up of a name may return.
inline constexpr std::size_t addresses_per_name_max = 16;

// --- pins (docs/decisions/0005-pin-budget.md) -------------------------------------------------------------

/// security.md: 32 an hour. Of keys never met, and of hosts at which a key has no name yet.
inline constexpr std::size_t first_contacts_per_hour = 32;
/// Further names of a key at its hosts: twice what a daemon can serve at once, one every 28 s.
inline constexpr std::size_t further_names_per_hour_of_key = 128;
/// Of all keys together: four keys at their most, and a day until `pins_max` is reached.
inline constexpr std::size_t further_names_per_hour = 512;
/// On disk, a file of 32 bytes each: 4 KiB with most file systems, so 64 MiB in all and 4 MiB of one key.
inline constexpr std::size_t pins_max = 16'384;
inline constexpr std::size_t pins_of_key_max = 1'024;
/// Not to be had for further names: five days of first contacts at their most.
inline constexpr std::size_t pins_kept_for_first_contacts = 4'096;
/// The names of links that are up are held against the pins again, for what an operator or a damaged disk has changed
/// and for budgets that are free again: so many links each time, at most 512 small files.
inline constexpr Duration pins_looked_at_every = std::chrono::seconds{5};
inline constexpr std::size_t links_looked_at_once = 8;

// --- reaping (docs/decisions/0008-reaping.md) -------------------------------------------------------------

/// Between two looks at the channels of a node: each is an event for it, and costs a walk over the sessions; guess.
inline constexpr std::int64_t reaping_ms_min = 100;
/// For how long a node's word that it has nothing on a channel is good; the other node answers in milliseconds.
inline constexpr Duration let_go_is_good_for = std::chrono::seconds{5};

// --- terms (docs/wire.md 1.2) ---------------------------------------------------------------------------

/// A REQUEST. A term in memory is up to 40 times its bytes, so the count of terms is bounded as well.
inline constexpr std::size_t request_bytes_max = 64 * 1024;
inline constexpr std::size_t request_terms_max = 4096;
inline constexpr std::size_t term_depth_max = 32;
/// 2^2048: nobody asks a daemon about more.
inline constexpr std::size_t term_bignum_bytes_max = 256;

// --- the overlay in the core (proto/core) --------------------------------------------------------------------

/// Peers that the overlay has something to say to and no link with: an active view and its questions, several times; guess.
inline constexpr std::size_t reaches_max = 256;
/// Messages that wait for one such link: JOIN, a shuffle's answer, NEIGHBOR are one each; guess.
inline constexpr std::size_t reach_messages_max = 8;
/// Membership's messages of one peer: each may cost 17 signatures. An honest one says a handful in a second; while thousands
/// join through one, more, and what is passed over then is found by a later walk.
inline constexpr double overlay_words_per_second = 50, overlay_words_burst = 500;
/// Passed over so many times, the link is closed.
inline constexpr std::size_t overlay_words_dropped_max = 20'000;
/// All records go over one link again only after so long: they are 3 MB of a cluster of 10,000.
inline constexpr Duration records_gap = std::chrono::minutes{5};
/// Joins under way at once: contact_nodes, and what operators and applications ask for.
inline constexpr std::size_t joins_max = 64;
/// Of an application's broadcast; gossip allows 512 KiB with what is around it.
inline constexpr std::size_t broadcast_bytes_max = 511 * 1024;
inline constexpr std::size_t broadcast_tag_bytes_max = 1024;
/// Tags that one session is subscribed to.
inline constexpr std::size_t tags_per_session_max = 1024;
/// Records in one message to a newcomer, by bytes.
inline constexpr std::size_t records_message_bytes = 64 * 1024;
/// Broadcasts of origins that are not known yet, or in strict mode not known to be trusted: they are heard within a round
/// trip of their record; guess.
inline constexpr std::size_t broadcasts_held_max = 256, broadcasts_held_bytes_max = std::size_t{1} << 20;
inline constexpr Duration broadcasts_held_for = std::chrono::seconds{30};
/// How long what the pins said of an origin holds (trust mode strict).
inline constexpr Duration origin_trusted_for = std::chrono::minutes{1};
/// Links that membership wants because of what one peer said, under way at once: where its walks end, and what they ask
/// for. An honest one says a handful in a second; guess.
inline constexpr std::size_t reaches_per_peer_max = 16;

// --- a crawl of the overlay (proto/core/crawl.h) ---------------------------------------------------------------

/// Daemons that one crawl asks: each may cost a link for ten minutes. A drawing of more is not read; guess.
inline constexpr std::size_t crawl_asked_max = 256;
inline constexpr std::size_t crawl_under_way_max = 8;
/// Neighbours in one answer: the largest `active_size`. Five records of full length are 160 KiB.
inline constexpr std::size_t view_records_max = 64;
inline constexpr std::size_t view_bytes_max = 512 * 1024;
/// Answers to one peer. Whoever crawls asks each daemon once, and begins a second after the last crawl's end at the earliest.
inline constexpr double views_per_second = 1, views_burst = 8;

// --- membership (proto/membership) -------------------------------------------------------------------------

/// Contacts in one message: a shuffle has 7 of the 16 (HyParView's 8 count the origin). 16 records of 500 bytes are 8 KiB.
inline constexpr std::size_t contacts_per_message_max = 16;
/// Newcomers whom a daemon asks for a link at once because a walk ended at it; guess.
inline constexpr std::size_t walk_ends_max = 16;
/// Networks whose NEIGHBOR(high) was granted in the last 10 s. A daemon that grants 64 is under attack.
inline constexpr std::size_t high_prefixes_max = 64;

// --- lines that a stranger can cause --------------------------------------------------------------------

/// security.md and architecture.md, walk 4: one line per source per minute.
inline constexpr Duration stranger_line_every = std::chrono::minutes{1};
inline constexpr std::size_t strangers_max = 1024;

}  // namespace bp2p::limits
