// What the views of the control socket have in common.
#pragma once
#include <algorithm>
#include <chrono>
#include <format>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p::control {

using json = nlohmann::ordered_json;

inline std::int64_t in_ms(Duration span) { return std::chrono::duration_cast<std::chrono::milliseconds>(span).count(); }
inline std::int64_t in_us(Duration span) { return std::chrono::duration_cast<std::chrono::microseconds>(span).count(); }

/// UTC, as in the log: `2026-03-01T12:00:00.123Z`.
inline std::string time_text(WallTime time) {
  return std::format("{:%FT%T}Z", std::chrono::sys_time<WallTime>{time});
}

inline json name_json(const std::optional<NodeName>& name) { return name ? json(name->text()) : json(nullptr); }

inline json names_json(const std::vector<NodeName>& names) {
  json list = json::array();
  for (const NodeName& name : names) list.push_back(name.text());
  return list;
}

inline json addresses_json(const std::vector<Address>& addresses) {
  json list = json::array();
  for (const Address& address : addresses) list.push_back(address.text());
  return list;
}

/// The order of daemons in lists: by their first names, those without any last.
inline bool names_before(const std::vector<NodeName>& a, const std::vector<NodeName>& b) {
  if (a.empty() || b.empty()) return !a.empty() && b.empty();
  return a.front() < b.front();
}

/// The element whose `member` is `id`; nullptr: nothing is known about it yet.
template <class T, class Member, class Wanted>
const T* find(const std::vector<T>& list, Member member, const Wanted& id) {
  const auto found = std::ranges::find(list, id, member);
  return found == list.end() ? nullptr : &*found;
}

template <class T, class Member>
std::vector<T> sorted(std::vector<T> list, Member member) {
  std::ranges::sort(list, {}, member);
  return list;
}

}  // namespace bp2p::control
