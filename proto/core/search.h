// The search for a daemon: addresses, one after the other, until a link leads there. A value; the core makes its steps
// (proto/core/dialling.cc).
#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/core/ledger.h"
#include "proto/wire/codes.h"

namespace bp2p {

/// How long one address is waited for before the next one is tried beside it (RFC 8305 says 250 ms for TCP; a
/// QUIC Initial is repeated after 1 s, so one lost packet should not start a second handshake).
inline constexpr Duration attempt_alone = std::chrono::milliseconds{2500};
/// What is left of a dial's time when its last address is begun.
inline constexpr Duration answer_within = std::chrono::seconds{2};
/// The same as attempt_alone where a peer's own record has the addresses, and 5 s are all there are.
inline constexpr Duration attempt_alone_of_record = std::chrono::milliseconds{500};

/// Whichever daemon answers.
struct Anybody {};

struct Search {
  /// For the daemon that serves the name. Addresses are looked up.
  explicit Search(NodeName name) : wanted(std::move(name)) {}
  /// For the daemon that has the key, or for anybody, at these addresses.
  template <class Whom>
    requires std::same_as<Whom, PublicKey> || std::same_as<Whom, Anybody>
  Search(const Whom& whom, const std::vector<Address>& at) : wanted(whom), resolved(true) {
    for (const Address& address : at) attempts.push_back({.to = address});
  }

  std::variant<NodeName, PublicKey, Anybody> wanted;
  const NodeName& name() const { return std::get<NodeName>(wanted); }
  const NodeName* maybe_name() const { return std::get_if<NodeName>(&wanted); }
  const PublicKey* key() const { return std::get_if<PublicKey>(&wanted); }
  /// As the ledger has it.
  Sought sought() const {
    if (const PublicKey* by_key = key()) return *by_key;
    return maybe_name() ? Sought{name()} : Sought{attempts.front().to};
  }
  std::optional<ResolveId> resolving;
  bool resolved = false;
  struct Attempt {
    Address to;
    bool begun = false;
    bool dialled = false;  ///< by us; else we wait for a link that the peer began
  };
  std::vector<Attempt> attempts;
  TimePoint last_begun{};
  Duration alone = attempt_alone;       ///< how long one address is waited for before the next is tried beside it

  std::set<LinkId> refused_by;          ///< admitted links whose daemon does not serve the name
  std::optional<LinkId> moved_from;     ///< it said that another link is to be used, and that one should
  TimePoint moved_until{};              ///< appear before this

  std::optional<PublicKey> other_link_of;  ///< a link we dialled was closed as `duplicate`: this peer has another
  TimePoint other_link_until{};            ///< with us, which we shall see before this

  // What to say if nothing comes of it: the gravest reason, and all that was tried.
  RefuseCode code = RefuseCode::unreachable;
  std::string tried;

  /// A reason that concerns trust is worth more to the reader than one about the node, and that one more than
  /// silence.
  void note(RefuseCode why, const std::string& text) {
    const auto weight = [](RefuseCode each) {
      return each == RefuseCode::not_trusted ? 2 : each == RefuseCode::no_such_node ? 1 : 0;
    };
    if (weight(why) > weight(code)) code = why;
    if (tried.size() > 700) return;  // REFUSED carries 1 KiB
    if (!tried.empty()) tried += "; ";
    tried += text;
  }
};

/// A name with which our nodes had a channel, and whose link was lost: dialled again until it is back, or nobody
/// here has asked for it for `redial_for`.
struct Redial {
  explicit Redial(NodeName wanted) : name(std::move(wanted)) {}

  NodeName name;
  TimePoint until{};
  std::uint32_t failures = 0;
  std::string last_error;
  TimePoint next_try{};
  std::optional<Search> search;
  TimePoint search_deadline{};
};

using RedialId = Id<struct RedialTag>;

/// A peer that the overlay has something to say to, or that is to be joined, while there is no link.
struct Reach {
  Search search;
  TimePoint deadline;
  std::vector<Bytes> waiting{};  ///< PeerMessages
  bool is_join = false;          ///< JOIN whoever is found
  bool is_probe = false;         ///< say whether it was found
  std::string shown{};           ///< whom: for people
  std::optional<PublicKey> prompted_by{};  ///< the peer whose message made membership want it
};
using ReachId = Id<struct ReachTag>;
inline constexpr Duration redial_for = std::chrono::minutes{10};

}  // namespace bp2p
