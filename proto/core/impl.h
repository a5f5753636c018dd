// The core's state, and its methods by story. Each story has a source file of its own:
//   session_frames.cc  a connection of the node socket says what it is, and asks
//   dialling.cc        from a name to a link: look-up, dials, and dialling again
//   channels.cc        a channel is asked for, by a node or by a peer, and starts
//   reaping.cc         a channel that nobody uses is closed
//   link_messages.cc   HELLO, records, messages
//   link_pins.cc       names against pins; admission
//   link_end.cc        duplicates, and links that go
//   overlay.cc         membership's effects: messages, neighbours, joining and leaving
//   reaching.cc        links for the overlay, made and given up
//   crawling.cc        the whole overlay is drawn
//   broadcasts.cc      gossip's effects: what is broadcast, heard, and told to sessions
//   origins.cc         whose broadcasts subscribers may hear
//   members.cc         suspicion's effects: who lives, and what subscribers hear of it
//   requests.cc        what sessions ask
//   attempts.cc        what goes into the ledger
//   status.cc          what an operator sees
//   core.cc            inputs, time
#pragma once
#include <array>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/core/contacts.h"
#include "proto/core/core.h"
#include "proto/core/crawl.h"
#include "proto/core/creations.h"
#include "proto/core/deadlines.h"
#include "proto/core/ledger.h"
#include "proto/core/links.h"
#include "proto/core/own_record.h"
#include "proto/core/search.h"
#include "proto/core/sessions.h"
#include "proto/core/strangers.h"
#include "proto/gossip/plumtree.h"
#include "proto/membership/hyparview.h"
#include "proto/membership/suspicion.h"
#include "proto/trust/broadcast.h"
#include "proto/trust/pins.h"
#include "proto/wire/limits.h"
#include "proto/wire/local_frame.h"
#include "proto/wire/term.h"

namespace bp2p {

struct Core::Impl {
  Impl(CoreConfig config, const Signing& signing, Secrets& secrets, Rng rng, Now now);

  // --- session_frames.cc
  void on_session_opened(SessionId id, const Credentials& who, Now now, Effects& out);
  void on_session_frame(SessionId id, ByteView frame, Now now, Effects& out);
  void on_session_overflow(SessionId id, std::uint64_t length, Now now, Effects& out);
  void on_session_closed(SessionId id, Now now, Effects& out);
  void on_node_named(SessionId leg, const NodeName& name, Now now, Effects& out);
  void on_first_frame(Connection& connection, const local::Frame& frame, Now now, Effects& out);
  void attach(Connection& connection, const local::Attach& frame, Now now, Effects& out);
  void dial(Connection& connection, const local::Dial& frame, Now now, Effects& out);
  void accept(Connection& connection, const local::Accept& frame, Now now, Effects& out);
  bool may_use_name(const NodeName& name, std::uint32_t uid) const;
  /// REFUSED and close; whatever the connection was is undone.
  void refuse(SessionId id, RefuseCode code, std::string text, Now now, Effects& out);
  /// Undoes what the connection was, and forgets it.
  void drop_session(SessionId id, Now now, Effects& out);
  void names_changed(Now now, Effects& out);
  void send_record(Link& link, Now now, Effects& out);

  // --- dialling.cc
  struct Wait {
    TimePoint until;
  };
  struct Ask {
    LinkId link;
  };
  struct Exhausted {};
  using SearchStep = std::variant<Wait, Ask, Exhausted>;
  using SearchOwner = std::variant<SessionId, RedialId, ReachId>;
  const std::vector<LinkId>& leading_to(const Search& search) const;
  template <class Visit>
  void for_each_search(const Visit& visit);
  SearchStep step(Search& search, SearchOwner owner, Now now, Effects& out);
  void on_resolved(ResolveId id, std::vector<Address> addresses, Now now, Effects& out);
  void on_dial_failed(DialId id, DialError why, Now now, Effects& out);
  void advance_dial(SessionId leg, Now now, Effects& out);
  void advance_redial(RedialId id, Now now, Effects& out);
  /// Steps every search; called once after each input that may have changed what they wait for.
  void advance_all(Now now, Effects& out);
  /// For every search that has tried the address; `what` has no address yet.
  /// `by`: who was there, when its key was proven.
  void note_failure(const Address& address, RefuseCode code, Ledger::Entry what, const PublicKey* by = nullptr);
  /// A link to `address` went because the peer has a better one with us: searches wait for that.
  void expect_other_link(const Address& address, const PublicKey& key, Now now);
  void end_search(Search& search);
  void cancel_unwanted_dials(Effects& out);
  void cancel_dials_to_peer(const Link& admitted, Effects& out);
  void dial_again(const NodeName& name, const std::string& why, Now now, Effects& out);
  void schedule_redial(RedialId id, std::string why, Now now);
  void end_redial(const NodeName& name);
  bool is_in_flight(const Address& address) const;
  std::string not_served_text(const Link& link, const NodeName& name, Now now);
  /// Why the peer's key is not pinned for `name` that it claims, and what follows; "" when the pins say no more.
  std::string not_pinned_text(const Link& link, const NodeName& name, Now now);

  // --- channels.cc
  void open_local(SessionId leg, SessionId target, Now now, Effects& out);
  void open_on_link(SessionId leg, LinkId link, Now now, Effects& out);
  void on_channel_open(Link& link, peer::ChannelOpen open, Now now, Effects& out);
  void on_channel_opened(Link& link, const peer::ChannelOpened& opened, Now now, Effects& out);
  void on_channel_refused(Link& link, const peer::ChannelRefused& refused, Now now, Effects& out);
  void on_channel_cancel(Link& link, const peer::ChannelCancel& cancel, Now now, Effects& out);
  void on_channel_closed(SessionId leg, Now now, Effects& out);
  IncomingId announce(SessionId target, NodeName to, std::optional<NodeName> from,
                      std::variant<Incoming::FromPeer, SessionId> origin, Now now, Effects& out);
  /// Answers its origin with the refusal and forgets it.
  void refuse_incoming(IncomingId id, RefuseCode code, const std::string& text, Now now, Effects& out);
  void forget_incoming(IncomingId id);
  void start_on_link(Connection& leg, SessionId owner, Link& link, std::uint64_t channel, bool opened_here,
                     ChannelNames names, Now now, Effects& out);
  void withdraw_open(DialLeg& leg, Effects& out);
  std::optional<NodeName> name_of_session(SessionId id);

  // --- reaping.cc
  void reap(SessionId id, const Reaping& reaping, Now now);
  void stop_reaping(SessionId id);
  void look_at_channels(SessionId id, Now now, Effects& out);
  void on_channels_looked_at(SessionId id, const std::vector<ChannelUse>& uses, Now now, Effects& out);
  bool is_unused(const Connection& connection, const ChannelLeg& leg, const Reaping& reaping, Now now) const;
  void ask_whether_unused(SessionId id, Terms names, Effects& out);
  void let_go(SessionId id, const std::set<std::string>& names, Now now, Effects& out);
  void on_channel_unused(Link& link, const peer::ChannelUnused& unused, Now now, Effects& out);
  void on_offered(SessionId leg, Now now, Effects& out);

  // --- link_messages.cc
  void on_link_opened(LinkId id, const LinkFacts& facts, Now now, Effects& out);
  void on_link_message(LinkId id, LinkStream on, ByteView message, Now now, Effects& out);
  void process_message(LinkId id, LinkStream on, ByteView bytes, Now now, Effects& out);
  void on_hello(Link& link, const peer::Hello& hello, Now now, Effects& out);
  void on_record(LinkId id, const Bytes& record, peer::Message message, Now now, Effects& out);
  void act_on(LinkId id, peer::Message message, Now now, Effects& out);

  // --- link_pins.cc
  void check_pins(Link& link, VerifiedRecord record, Bytes record_bytes, std::optional<peer::Message> then, Now now,
                  Effects& out);
  /// Holds the names of some links against the pins again, each time of others.
  void look_at_pins_again(Now now, Effects& out);
  void on_pins_read(LinkId id, const PinReads& reads, Now now, Effects& out);
  void on_pins_stored(LinkId id, bool stored, Now now, Effects& out);
  void read_next_pins(Effects& out);
  void pins_done(Link& link, Now now, Effects& out);
  void admit(Link& link, Now now, Effects& out);
  void refuse_over_pins(Link& link, const PinRefusal& refusal, Now now, Effects& out);
  void doubt_taken(PinCheck& check, const Link& link, const NodeName& name, const std::string& holder);
  /// One line for each kind of doubt, unless the log has it already.
  void tell_doubts(Link& link, const std::vector<PinCheck::Doubt>& doubts, bool in_any_case, Now now, Effects& out);
  /// Channels with these names of the peer end, and those asked for are refused.
  void end_channels_with(Link& link, const std::set<NodeName>& names, Now now, Effects& out);
  /// Who else has the name: ourselves, or another living key.
  std::optional<std::string> taken_by(const NodeName& name, const PublicKey& key);

  // --- link_end.cc
  Severity news_of(const PublicKey& key) const;
  void on_link_closed(LinkId id, const LinkEnd& why, Now now, Effects& out);
  void close_link(LinkId id, LinkCode code, std::string text, Now now, Effects& out);
  struct Gone {
    std::optional<LinkCode> code;
    bool by_us;
    std::string text;
  };
  void drop_link(LinkId id, const Gone& gone, Now now, Effects& out);
  void settle_duplicates(const PublicKey& key, Now now, Effects& out);

  // --- overlay.cc
  void carry_out(const membership::Send& effect, Now now, Effects& out);
  void carry_out(const membership::PeerUp& effect, Now now, Effects& out);
  void carry_out(const membership::PeerDown& effect, Now now, Effects& out);
  void carry_out(const membership::LinkNotNeeded& effect, Now now, Effects& out);
  /// Carries out what membership and gossip have asked for, and what comes of that.
  void pump(Now now, Effects& out);
  void on_membership(Link& link, const peer::Membership& message, Now now, Effects& out);
  /// Takes one of the peer's words. False: it is over its rate, and is passed over (I22); the link may have been closed.
  bool may_say(Link& link, TokenBucket& rate, Now now, Effects& out);
  void on_records_wanted(Link& link, Now now, Effects& out);
  void give_records(Link& link, Now now, Effects& out);
  /// What the wall clock shows when the steady one is at 0.
  static WallTime wall_of(Now now);
  void watch_clock(Now now, Effects& out);
  void ask_for_records(const PublicKey& neighbour, Now now, Effects& out);
  void on_records(Link& link, const peer::Records& records, Now now, Effects& out);
  membership::ContactPtr own_contact(Now now);
  membership::AddressBook saved_book(Now now) const;
  membership::ContactPtr contact_of(const Link& link);
  void join_through(Link& link, Now now);
  void leave_cluster(Now now, Effects& out);
  void join_contacts(Now now, Effects& out);
  /// A member of which nothing bad is known, or we.
  bool is_with_us(const JoinTarget& target);
  /// If the search was for a contact: this is who it led to.
  void remember_contact(const Search& search, const PublicKey& key);
  void on_link_admitted(Link& link, Now now);
  /// `is_lost`: nobody closed it.
  void on_link_gone(const PublicKey& key, bool is_lost, Now now, Effects& out);
  /// The peer's broadcasts go over the link to use; when that is another one, both ends begin anew.
  void gossip_follows(const PublicKey& key, Now now);

  // --- reaching.cc
  void send_to_peer(const membership::ContactPtr& to, Bytes message, Now now, Effects& out);
  void say_on_overlay(Link& link, Bytes message, Now now, Effects& out);
  /// False: it cannot even be tried. Else on_probe_ok or on_probe_failed follows.
  bool reach_for(const membership::ContactPtr& to, Now now, Effects& out);
  Reach* reach_to(const membership::ContactPtr& to, Now now);
  void join(const JoinTarget& target, Now now, Effects& out);
  void advance_reach(ReachId id, Now now, Effects& out);
  void end_reach(ReachId id);
  void reach_failed(ReachId id, Now now, Effects& out);
  void on_link_backlog(LinkId id, std::size_t bytes, Now now, Effects& out);
  void sweep_links(Now now, Effects& out);
  void arm_sweep(Now now);

  // --- crawling.cc
  void begin_crawl(Now now, Effects& out);
  /// Asks whom it may, or ends it.
  void advance_crawl(Now now, Effects& out);
  void ask_for_view(const membership::ContactPtr& of, Now now, Effects& out);
  /// The peer will not answer.
  void crawl_misses(const PublicKey& key);
  void end_crawl(Now now, Effects& out);
  void on_view_asked(Link& link, Now now, Effects& out);
  void on_view(Link& link, const peer::View& view, Now now, Effects& out);

  // --- broadcasts.cc
  void carry_out(const gossip::Send& effect, Now now, Effects& out);
  void carry_out(const gossip::Deliver& effect, Now now, Effects& out);
  void carry_out(const gossip::Ahead& effect, Now now, Effects& out);
  void carry_out(const gossip::Gap& effect, Now now, Effects& out);
  void carry_out(const gossip::MayBroadcast&, Now now, Effects& out);
  void carry_out(const gossip::Misbehaved& effect, Now now, Effects& out);
  void on_gossip(Link& link, const peer::Gossip& message, Now now, Effects& out);
  std::expected<std::uint64_t, gossip::NotNow> broadcast(BroadcastKind kind, ByteView body, Now now);
  /// Tells everybody our newest record, as soon as it can be broadcast.
  void announce_ourselves(Now now);

  // --- origins.cc
  enum class Hearing : std::uint8_t { yes, not_yet, no };
  /// May subscribers hear what this origin says?
  Hearing may_be_heard(const gossip::OriginId& origin, Now now, Effects& out);
  /// Delivers the application's message if its origin may be heard, keeps it for a while if that is not known yet.
  void hear_message(const gossip::OriginId& origin, gossip::Payload payload, Now now, Effects& out);
  void deliver_message(ByteView body, Effects& out);
  /// What was kept, of this origin or of all.
  void hear_kept(const std::optional<PublicKey>& of, Now now, Effects& out);
  void on_origin_pins_read(const PinReads& reads, Now now, Effects& out);

  // --- members.cc
  void carry_out(const membership::Probe& effect, Now now, Effects& out);
  void carry_out(const membership::Broadcast& effect, Now now, Effects& out);
  void carry_out(const membership::Tell& effect, Now now, Effects& out);
  void carry_out(const membership::MemberUp& effect, Now now, Effects& out);
  void carry_out(const membership::MemberDown& effect, Now now, Effects& out);
  void carry_out(const membership::Suspected& effect, Now now, Effects& out);
  void carry_out(const membership::Cleared& effect, Now now, Effects& out);
  void on_life_broadcast(const PublicKey& origin, BroadcastKind kind, ByteView body, Now now);
  /// A verified record, by which its daemon is a member.
  void heard_of(const membership::Contact& contact, Now now);
  /// Says again what could not be broadcast.
  void say_life(Now now);
  std::string shown_member(const PublicKey& key) const;
  void tell(Topic topic, const Term& event, Effects& out);
  /// The nodes of a neighbour or a member, as far as subscribers have heard.
  void tell_names(Topic topic, const PublicKey& key, Effects& out);
  void tell_gone(Topic topic, const PublicKey& key, std::string_view reason, Effects& out);

  // --- requests.cc
  void answer(const Connection& connection, const local::Request& request, Now now, Effects& out);
  void answer(const Connection& connection, const local::Broadcast& frame, Now now, Effects& out);
  Term reply_to(const Connection& connection, const Term& request, Now now, Effects& out);
  Term node_info(const Connection& connection, Now now) const;
  Terms nodes_of(const PublicKey& key) const;

  // --- attempts.cc
  void note_admitted(const Link& link, Now now);
  /// There was a link already.
  void note_found(const Search& search, const Link& link, Now now);
  /// `gone_code`: of the link, if it was closed with one.
  void note_not_admitted(const Link& link, RefuseCode code, const std::optional<LinkCode>& gone_code, const std::string& why, Now now);
  void note_not_found(const Search& search, Now now);
  void note_channel(const Link& link, const NodeName& to, RefuseCode code, const std::string& why, Now now);
  /// The search's time is over: whatever it waited for did not answer.
  void note_silence(const Search& search, Now now);

  // --- status.cc
  Status status(Now now) const;
  OverlayStatus overlay_status(Now now) const;
  MemberCounts member_counts() const;
  std::vector<MemberStatus> members() const;
  std::optional<PeerStatus> peer(std::string_view whom, Now now) const;
  std::optional<PublicKey> key_shown_as(std::string_view text) const;
  TryingStatus trying(const Redial& redial, Now now) const;
  std::vector<NodeName> names_said_by(const PublicKey& key) const;

  // --- core.cc
  /// Runs what an input left to be done, and sets nothing twice.
  void settle(Now now, Effects& out);
  void on_time(Now now, Effects& out);
  void on_stop(Now now, Effects& out);
  void on_addresses(std::vector<Address> addresses, Now now, Effects& out);
  /// Our record says something new: peers and the cluster hear of it.
  void own_record_changed(Now now, Effects& out);
  template <class Fixed>
  Fixed random() {
    Fixed fixed;
    secrets.fill(fixed.bytes);
    return fixed;
  }

  const CoreConfig config;
  const Signing& signing;
  Secrets& secrets;
  Rng rng;
  const TimePoint started;
  WallTime wall_of_steady;  ///< changes when the host's clock is set

  Sessions sessions;
  Links links;
  OwnRecord own;
  Creations creations;
  PinBudget pin_budget;
  Strangers strangers;
  Deadlines deadlines;

  struct DialUnderWay {
    Address to;
    TimePoint since;
  };
  std::map<DialId, DialUnderWay> dials;
  std::map<Address, DialId> dials_by_address;
  std::map<ResolveId, SearchOwner> resolves;
  std::map<RedialId, Redial> redials;
  std::map<NodeName, RedialId> redials_by_name;
  std::map<ReachId, Reach> reaches;
  std::map<PublicKey, ReachId> reaches_by_key;

  Ledger ledger;

  Contacts contacts;
  membership::HyParView hyparview;
  membership::Suspicions suspicions;
  gossip::Plumtree plumtree;
  membership::Effects membership_effects;  ///< not carried out yet
  membership::LifeEffects life_effects;
  gossip::Effects gossip_effects;
  std::map<PublicKey, LinkId> gossip_links;        ///< of neighbours: the link that carries their broadcasts
  std::array<std::map<PublicKey, std::set<NodeName>>, topics> told_up;  ///< nodes that subscribers have heard of
  std::map<BroadcastKind, std::map<PublicKey, Bytes>> unsaid;  ///< of our own life and others', until it can be broadcast
  std::set<PublicKey> overlay_uses;                ///< peers that membership has something to ask, or as neighbours
  std::map<Sought, PublicKey> contact_keys;           ///< who answered where config.contacts are
  std::set<PublicKey> believed;                    ///< members that were held to live because there is a link with them
  bool record_is_due = false;                      ///< it changed since it was broadcast last
  bool is_joined = false;                          ///< there was a neighbour, and since then always one, or a wish
  bool wants_records = false;                      ///< of the next neighbour: as a newcomer, or after the clock was wrong
  bool sweep_is_set = false;
  bool window_is_full = false;  ///< of our broadcasts, until MayBroadcast
  struct KeptMessage {
    gossip::OriginId origin;
    gossip::Payload payload;
    TimePoint came;
  };
  std::deque<KeptMessage> kept_messages;  ///< of origins that may not be heard yet
  std::size_t kept_bytes = 0;
  std::uint64_t broadcasts_unheard = 0;   ///< dropped over their origin
  struct OriginTrust {
    bool is_trusted;
    TimePoint read;
  };
  std::map<PublicKey, OriginTrust> origin_trust;  ///< strict: what the pins say
  std::deque<std::pair<PublicKey, std::vector<NodeName>>> origins_asked;  ///< for their pins, in the order of the answers
  std::optional<PublicKey> prompted_by;  ///< the peer whose membership message is dealt with
  TimePoint join_told_until{};

  std::optional<Crawl> crawl;
  TimePoint next_crawl{};

  std::map<IncomingId, Incoming> incoming;
  std::map<Ticket, IncomingId> tickets;

  /// Links whose names are looked up, one after the other: what the first stores, the second reads.
  std::deque<LinkId> pin_queue;

  LinkId looked_at_last{};  ///< the link whose pins were read again last

  std::uint64_t last_id = 0;  ///< of dials, look-ups, redials and incoming channels alike
  bool searches_may_move = false;
  bool crawl_may_move = false;
  bool dials_may_be_unwanted = false;
  bool stopping = false;
  std::uint64_t refused_frames = 0, refused_links = 0, refused_sessions = 0, channels_reaped = 0;
};

/// `looks`: false for a dial that has found its link, and asks there.
template <class Visit>
void Core::Impl::for_each_search(const Visit& visit) {
  for (const SessionId leg : sessions.dials()) {
    auto& waiting = *sessions.find_as<DialLeg>(leg);
    visit(waiting.search, !waiting.asked && !waiting.local);
  }
  for (auto& [id, redial] : redials)
    if (redial.search) visit(*redial.search, true);
  for (auto& [id, each] : reaches) visit(each.search, true);
}

/// `epoch:64 incarnation:64` (docs/wire.md 2.5).
Bytes life_bytes(membership::Life life);
/// Text of a peer or of a node on its way to a person: no control characters, 200 bytes.
std::string clean(std::string_view text);
/// `app@h` or `a node without a name`.
std::string shown(const std::optional<NodeName>& name);
inline void say(Effects& out, Severity severity, std::string_view name, std::string text) {
  out.emplace_back(Event{severity, std::string{name}, std::move(text)});
}

}  // namespace bp2p
