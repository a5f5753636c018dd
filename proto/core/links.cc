#include "proto/core/links.h"

#include <algorithm>

#include "proto/base/check.h"

namespace bp2p {
namespace {

const std::vector<LinkId> no_links;

template <class Map, class Key>
const std::vector<LinkId>& look_up(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? no_links : found->second;
}

template <class Map, class Key>
void take_out(Map& map, const Key& key, LinkId id) {
  const auto found = map.find(key);
  if (found == map.end()) return;
  std::erase(found->second, id);
  if (found->second.empty()) map.erase(found);
}

/// Two links that exist for so long beside one another were not dialled at once: the older one is most likely dead
/// at the peer's end, which dialled anew.
constexpr Duration old_after = std::chrono::seconds{10};

}  // namespace

Link& Links::add(LinkId id, const LinkFacts& facts, const std::optional<Address>& dialled, TimePoint now) {
  const auto [entry, is_new] = links_.try_emplace(id, id, facts, now);
  BP2P_CHECK(is_new);  // ids are never reused
  by_key_[facts.peer_key].push_back(id);
  entry->second.dialled_to = dialled.value_or(facts.peer_address);
  by_address_[facts.peer_address].push_back(id);
  if (entry->second.dialled_to != facts.peer_address) by_address_[entry->second.dialled_to].push_back(id);
  ++half_open_;
  return entry->second;
}

void Links::erase(LinkId id) {
  Link* link = find(id);
  BP2P_CHECK(link != nullptr);
  set_proven(*link, {});
  take_out(by_key_, link->facts.peer_key, id);
  take_out(by_address_, link->facts.peer_address, id);
  take_out(by_address_, link->dialled_to, id);
  if (!link->admitted) --half_open_;
  links_.erase(id);
}

Link* Links::find(LinkId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

void Links::set_proven(Link& link, std::set<NodeName> names) {
  for (const NodeName& name : link.proven) take_out(by_name_, name, link.id);
  link.proven = std::move(names);
  for (const NodeName& name : link.proven) by_name_[name].push_back(link.id);
}

const std::vector<LinkId>& Links::of_key(const PublicKey& key) const { return look_up(by_key_, key); }
const std::vector<LinkId>& Links::at(const Address& address) const { return look_up(by_address_, address); }
const std::vector<LinkId>& Links::serving(const NodeName& name) const { return look_up(by_name_, name); }

void Links::on_admitted(Link& link, TimePoint now) {
  BP2P_CHECK(!link.admitted);
  link.admitted = true;
  link.admitted_at = now;
  --half_open_;
}

bool Links::is_preferred(const Link& link, const Link& over) const {
  const auto dialled_by_smaller = [&](const Link& one) { return one.dialled_here() == (own_key_ < one.facts.peer_key); };
  if (dialled_by_smaller(link) != dialled_by_smaller(over)) return dialled_by_smaller(link);
  return link.facts.exporter < over.facts.exporter;  // both ends know it and neither can choose it
}

void Links::judge_duplicates(const PublicKey& key) {
  std::vector<Link*> admitted;
  for (const LinkId id : of_key(key))
    if (Link* link = find(id); link->admitted) admitted.push_back(link);
  std::ranges::stable_sort(admitted, {}, &Link::admitted_at);
  Link* winner = nullptr;
  for (Link* link : admitted) {
    if (winner == nullptr || link->admitted_at - winner->admitted_at > old_after || is_preferred(*link, *winner))
      winner = link;
  }
  for (Link* link : admitted) link->losing = link != winner;
}

bool Links::has_better_coming(const Link& link) const {
  return std::ranges::any_of(of_key(link.facts.peer_key), [&](LinkId id) {
    const Link& another = links_.at(id);
    return !another.admitted && another.opened - link.admitted_at <= old_after && is_preferred(another, link);
  });
}

Link* Links::best_of(const PublicKey& key) {
  for (const LinkId id : of_key(key))
    if (Link* link = find(id); link->admitted && !link->losing) return link;
  return nullptr;
}

}  // namespace bp2p
