#include "proto/core/sessions.h"

#include "proto/base/check.h"

namespace bp2p {

Connection& Sessions::add(SessionId id, const Credentials& who, TimePoint now) {
  const auto [entry, is_new] = connections_.try_emplace(id, Connection{id, who, now, Fresh{}});
  BP2P_CHECK(is_new);  // ids are never reused
  ++fresh_;
  return entry->second;
}

Connection* Sessions::find(SessionId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

void Sessions::leave_kind(Connection& connection) {
  if (std::holds_alternative<Fresh>(connection.is)) {
    --fresh_;
  } else if (const auto* node = std::get_if<NodeSession>(&connection.is)) {
    if (node->name) by_name_.erase(*node->name);
    by_token_.erase(node->token);
  } else if (const auto* dial = std::get_if<DialLeg>(&connection.is)) {
    dials_.erase(connection.id);
    if (auto* owner = find_as<NodeSession>(dial->owner)) owner->dials.erase(connection.id);
  }
}

void Sessions::erase(SessionId id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  leave_kind(*connection);
  connections_.erase(id);
}

NodeSession& Sessions::become_node(Connection& connection, NodeSession node) {
  leave_kind(connection);
  if (node.name) BP2P_CHECK(by_name_.emplace(*node.name, connection.id).second);
  BP2P_CHECK(by_token_.emplace(node.token, connection.id).second);
  return connection.is.emplace<NodeSession>(std::move(node));
}

void Sessions::name_node(SessionId id, const NodeName& name) {
  auto* node = find_as<NodeSession>(id);
  BP2P_CHECK(node != nullptr && !node->name);
  BP2P_CHECK(by_name_.emplace(name, id).second);
  node->name = name;
}

DialLeg& Sessions::become_dial(Connection& connection, DialLeg dial) {
  leave_kind(connection);
  auto* owner = find_as<NodeSession>(dial.owner);
  BP2P_CHECK(owner != nullptr);
  owner->dials.insert(connection.id);
  dials_.insert(connection.id);
  return connection.is.emplace<DialLeg>(std::move(dial));
}

void Sessions::become_channel(Connection& connection, ChannelLeg channel) {
  leave_kind(connection);
  connection.is = std::move(channel);
}

std::optional<SessionId> Sessions::named(const NodeName& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<SessionId> Sessions::with_token(const SessionToken& token) const {
  const auto found = by_token_.find(token);
  return found == by_token_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<NodeName> Sessions::names() const {
  std::vector<NodeName> names;
  for (const auto& [name, id] : by_name_) names.push_back(name);
  return names;
}

}  // namespace bp2p
