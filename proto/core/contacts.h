// Everybody of whom we have a good peer record: neighbours, spares, whoever a message was about. The one place where
// third parties' records are verified, each once however often it is heard.
#pragma once
#include <cstddef>
#include <expected>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/membership/codec.h"
#include "proto/membership/contact.h"
#include "proto/trust/peer_record.h"
#include "proto/trust/signing.h"

namespace bp2p {

membership::ContactPtr contact_from(const VerifiedRecord& record, const Bytes& bytes);

class Contacts {
 public:
  struct Known {
    membership::ContactPtr contact;
    std::vector<NodeName> names;
    WallTime expires;
    std::set<NodeName> proven{};  ///< by the last link with it
  };

  Contacts(std::string cluster, const Signing& signing) : cluster_(std::move(cluster)), signing_(signing) {}

  /// Verifies a record that somebody showed us. An older one than we have gives the newer.
  std::expected<membership::ContactPtr, membership::RecordFault> read(ByteView record, WallTime now);
  /// A record that was verified already: a link's, or our own.
  membership::ContactPtr keep(const VerifiedRecord& record, const Bytes& bytes);

  const Known* find(const PublicKey& key) const;
  /// Those who say they serve `name`.
  std::vector<PublicKey> keys_of(const NodeName& name) const;
  /// A link has proven `key` for these names, and for no others.
  void on_proven(const PublicKey& key, const std::set<NodeName>& names);
  /// Addresses of those who say they serve `name`: whom a link has proven for it first, then the newest record. One of
  /// each daemon in turn, so that nobody's many addresses keep another's from being tried.
  std::vector<Address> addresses_of(const NodeName& name) const;
  std::size_t size() const { return by_key_.size(); }
  /// In the order of keys.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [key, entry] : by_key_) visit(key, entry.known);
  }

  /// From behind `after`, in the order of keys, until `visit` says false.
  template <class Visit>
  void visit_after(const std::optional<PublicKey>& after, const Visit& visit) const {
    for (auto it = after ? by_key_.upper_bound(*after) : by_key_.begin(); it != by_key_.end(); ++it)
      if (!visit(it->first, it->second.known)) return;
  }

  /// Beyond these, whoever was heard of longest ago is forgotten: views and the address book have their own hold on what
  /// they need. Full knowledge to 16,384 daemons with records of 1 KiB; one with one name has 0.2 kB.
  static constexpr std::size_t known_max = 16'384;
  static constexpr std::size_t bytes_max = known_max * 1024;

 private:
  struct Entry {
    Known known;
    std::list<PublicKey>::iterator heard;
  };
  void forget_names(const std::pair<const PublicKey, Entry>& of);
  void make_room(std::size_t bytes);
  void touch(Entry& entry) { heard_.splice(heard_.end(), heard_, entry.heard); }

  std::string cluster_;
  const Signing& signing_;
  std::map<PublicKey, Entry> by_key_;
  std::multimap<NodeName, PublicKey> by_name_;
  std::list<PublicKey> heard_;  // longest ago first
  std::size_t bytes_ = 0;       // of records
};

}  // namespace bp2p
