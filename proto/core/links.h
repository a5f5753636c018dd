// The table of links: what is known of each, and the ways to find one. It decides nothing but which of two
// links between the same two daemons is the one to use.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/base/token_bucket.h"
#include "proto/core/core.h"
#include "proto/trust/admission.h"
#include "proto/trust/peer_record.h"
#include "proto/wire/limits.h"
#include "proto/wire/peer_messages.h"

namespace bp2p {

/// A peer's request for a channel, or a local node's, while the target has not dialled back yet.
using IncomingId = Id<struct IncomingTag>;

/// A record whose names are being looked up among the pins, and the message that brought it.
struct PinCheck {
  enum class Stage : std::uint8_t { queued, reading, storing } stage = Stage::queued;
  VerifiedRecord record;
  Bytes record_bytes;
  std::vector<NodeName> names;   ///< that are looked up, in the order of ReadPins
  std::vector<NodeName> proven;  ///< that need no looking up, or have been
  std::optional<peer::Message> then;
  bool is_again = false;  ///< the record is not new, the pins may be
  std::set<NodeName> unpinned{};  ///< tofu: beyond `limit`
  std::optional<PinLimit> limit{};
  struct Doubt {
    NodeName name;
    std::string_view event;
    std::string text;
  };
  std::vector<Doubt> doubts;         ///< names that are not believed, and what the log says of them
  std::optional<std::string> taken;  ///< the first that somebody else serves, as the peer reads it
};

struct Link {
  LinkId id;
  LinkFacts facts;
  TimePoint opened;
  Address dialled_to{};  ///< else the peer's address
  bool said_hello = false;  ///< the peer did, and it was good
  bool admitted = false;
  TimePoint admitted_at{};
  std::optional<VerifiedRecord> record;  ///< the newest whose names were looked up
  Bytes record_bytes;
  std::set<NodeName> proven;
  std::set<NodeName> taken_back;  ///< proven once, and then an operator took the pin back: not pinned again here
  std::set<NodeName> suspect;     ///< proven, and their pins could not be read when they were looked at last
  /// Not believed, and the event with which the log says so; like taken_back, of the record's names.
  std::map<NodeName, std::string_view> told_of;
  std::set<NodeName> unpinned;  ///< not pinned yet because of `pin_limit`: tried whenever the pins are looked at again
  std::optional<PinLimit> pin_limit;
  std::uint64_t sent_number = 0;  ///< of our record, that the peer has
  TimePoint last_use{};           ///< by the overlay, or by a channel that ended
  TokenBucket overlay_words{limits::overlay_words_burst, limits::overlay_words_per_second};  ///< membership's, by the peer
  TokenBucket views_asked{limits::views_burst, limits::views_per_second};  ///< by the peer
  std::size_t words_dropped = 0;
  TimePoint gives_records_at{};   ///< all of them to the peer, not earlier than
  struct Given {
    std::optional<PublicKey> upto{};
  };
  std::optional<Given> records_given{};  ///< while there are more to give
  std::size_t records_heard = 0;  ///< of others, from the peer
  /// There is a better link to the same peer: nothing new is opened on this one.
  bool losing = false;

  std::uint64_t next_channel;
  std::uint64_t peer_channels_from = 0;  ///< numbers the peer may still choose
  std::map<std::uint64_t, SessionId> opens;      ///< ours, not answered yet: the leg that dialled
  std::map<std::uint64_t, IncomingId> incoming;  ///< the peer's, not answered yet
  std::map<std::uint64_t, SessionId> channels;   ///< running: our leg

  struct Spoken {
    std::size_t open = 0;
    TimePoint last_closed{};
  };
  std::map<NodeName, Spoken> spoken_with;  ///< nodes with which ours have, or had a moment ago, channels on this link
  static constexpr Duration moment = std::chrono::seconds{10};
  void forget_old_talk(TimePoint now) {
    std::erase_if(spoken_with, [&](const auto& each) { return each.second.open == 0 && now - each.second.last_closed > moment; });
  }

  std::optional<PinCheck> pins;
  struct Held {
    LinkStream on;
    Bytes message;
  };
  std::deque<Held> held;  ///< came while `pins` was under way
  std::size_t held_bytes = 0;

  Link(LinkId link, const LinkFacts& link_facts, TimePoint now)
      : id(link), facts(link_facts), opened(now), next_channel(link_facts.dial ? 0 : 1) {}
  bool dialled_here() const { return facts.dial.has_value(); }
  Role role() const { return dialled_here() ? Role::client : Role::server; }
  std::size_t channels_and_asked() const { return opens.size() + incoming.size() + channels.size(); }
};

class Links {
 public:
  explicit Links(const PublicKey& own_key) : own_key_(own_key) {}

  /// `dialled`: what we dialled, should it not be the address that answered.
  Link& add(LinkId id, const LinkFacts& facts, const std::optional<Address>& dialled, TimePoint now);
  void erase(LinkId id);
  Link* find(LinkId id);
  void set_proven(Link& link, std::set<NodeName> names);

  /// Links of this key, the earliest opened first.
  const std::vector<LinkId>& of_key(const PublicKey& key) const;
  const std::vector<LinkId>& at(const Address& address) const;
  /// Admitted links whose key is proven for `name`.
  const std::vector<LinkId>& serving(const NodeName& name) const;

  std::size_t size() const { return links_.size(); }
  std::size_t half_open() const { return half_open_; }
  void on_admitted(Link& link, TimePoint now);

  /// Marks all admitted links of `key` that are not the one to use. All have the same epoch.
  void judge_duplicates(const PublicKey& key);
  /// Another link to the same peer has not been admitted yet and will be the one to use.
  bool has_better_coming(const Link& link) const;
  /// The admitted link to use for `key`; nullptr when none.
  Link* best_of(const PublicKey& key);

  const std::map<LinkId, Link>& all() const { return links_; }
  std::map<LinkId, Link>& all() { return links_; }

 private:
  bool is_preferred(const Link& link, const Link& over) const;

  PublicKey own_key_;
  std::map<LinkId, Link> links_;
  std::map<PublicKey, std::vector<LinkId>> by_key_;
  std::map<Address, std::vector<LinkId>> by_address_;
  std::map<NodeName, std::vector<LinkId>> by_name_;
  std::size_t half_open_ = 0;
};

}  // namespace bp2p
