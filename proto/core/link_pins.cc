// A peer's names against the pins, and what follows: admission, or the end of the link.
#include <algorithm>
#include <iterator>
#include <map>

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {
namespace {

std::string listed(const auto& names) {
  std::string text;
  for (const NodeName& name : names) {
    if (!text.empty()) text += ", ";
    text += name.text();
    if (text.size() > 200) return text + ", …";
  }
  return text.empty() ? "no names" : text;
}

/// What an operator can do about a limit that an hour does not lift.
std::string_view advice(PinLimit limit) {
  const bool passes = limit != PinLimit::pins && limit != PinLimit::pins_of_key && limit != PinLimit::pins_for_further_names;
  return passes ? "" : "; names that are not used any more can be taken back: barrel-p2pd keys unpin NAME";
}

}  // namespace

std::optional<std::string> Core::Impl::taken_by(const NodeName& name, const PublicKey& key) {
  if (sessions.named(name)) return "this daemon";
  for (const LinkId id : links.serving(name))
    if (const Link* link = links.find(id); link->facts.peer_key != key)
      return "the daemon at " + link->facts.peer_address.text() + " (" + signing.show(link->facts.peer_key) + ")";
  return std::nullopt;
}

void Core::Impl::doubt_taken(PinCheck& check, const Link& link, const NodeName& name, const std::string& holder) {
  if (!check.taken) check.taken = name.text() + " is served by " + holder;
  check.doubts.push_back({name, "name.taken",
                          "the daemon at " + link.facts.peer_address.text() + " says it serves " + name.text() +
                              ", which is served by " + holder + "; it is not believed"});
}

void Core::Impl::tell_doubts(Link& link, const std::vector<PinCheck::Doubt>& doubts, bool in_any_case, Now now,
                             Effects& out) {
  std::vector<const PinCheck::Doubt*> untold;
  for (const PinCheck::Doubt& doubt : doubts)
    if (const auto told = link.told_of.find(doubt.name); told == link.told_of.end() || told->second != doubt.event)
      untold.push_back(&doubt);
  // A peer says new records as often as it likes. What is not said now is said when the names are looked at again.
  if (untold.empty() || (!in_any_case && !strangers.may_cause_a_line(link.facts.peer_address, now.steady))) return;
  std::map<std::string_view, std::vector<const PinCheck::Doubt*>> by_event;
  for (const PinCheck::Doubt* doubt : untold) {
    by_event[doubt->event].push_back(doubt);
    link.told_of[doubt->name] = doubt->event;
  }
  for (const auto& [event, all] : by_event)
    say(out, Severity::warning, event,
        all.front()->text + (all.size() > 1 ? " (and so " + std::to_string(all.size() - 1) + " more of its names)" : ""));
}

void Core::Impl::check_pins(Link& link, VerifiedRecord record, Bytes record_bytes, std::optional<peer::Message> then,
                            Now now, Effects& out) {
  PinCheck check{.record = std::move(record), .record_bytes = std::move(record_bytes), .names = {}, .proven = {},
                 .then = std::move(then), .doubts = {}, .taken = {}};
  for (const NodeName& name : check.record.body.names) {
    if (link.proven.contains(name)) check.proven.push_back(name);
    else if (const auto holder = taken_by(name, link.facts.peer_key)) doubt_taken(check, link, name, *holder);
    else check.names.push_back(name);
  }
  link.pins = std::move(check);
  if (link.pins->names.empty()) {
    if (!link.admitted && link.pins->taken) return close_link(link.id, LinkCode::name_taken, *link.pins->taken, now, out);
    if (link.admitted || config.trust == Trust::tofu) return pins_done(link, now, out);
    // A daemon without nodes is a neighbour like any other, if its key is pinned for a name that it does not serve now.
  }
  pin_queue.push_back(link.id);
  if (pin_queue.size() == 1) read_next_pins(out);
}

void Core::Impl::look_at_pins_again(Now now, Effects& out) {
  if (stopping) return;
  auto at = links.all().upper_bound(looked_at_last);
  std::size_t chosen = 0;
  for (std::size_t seen = 0; seen < links.size() && chosen < limits::links_looked_at_once; ++seen, ++at) {
    if (at == links.all().end()) at = links.all().begin();
    auto& [id, link] = *at;
    looked_at_last = id;
    if (!link.admitted || link.record->body.names.empty()) continue;
    ++chosen;
    if (link.pins) continue;
    link.pins = PinCheck{.record = *link.record, .record_bytes = link.record_bytes, .names = link.record->body.names,
                         .proven = {}, .then = {}, .is_again = true, .doubts = {}, .taken = {}};
    pin_queue.push_back(id);
    if (pin_queue.size() == 1) read_next_pins(out);
  }
  if (chosen > 0) deadlines.set({Deadlines::Of::pins, 0}, now.steady + limits::pins_looked_at_every);
}

void Core::Impl::read_next_pins(Effects& out) {
  if (pin_queue.empty()) return;
  Link& link = *links.find(pin_queue.front());
  link.pins->stage = PinCheck::Stage::reading;
  out.emplace_back(ReadPins{link.id, link.facts.peer_key, link.pins->names});
}

void Core::Impl::on_pins_read(LinkId id, const PinReads& reads, Now now, Effects& out) {
  if (id == LinkId{}) return on_origin_pins_read(reads, now, out);
  Link* link = links.find(id);
  if (link == nullptr || !link->pins || link->pins->stage != PinCheck::Stage::reading) return;
  PinCheck& check = *link->pins;
  BP2P_CHECK(reads.claimed.size() == check.names.size());
  const PublicKey& key = link->facts.peer_key;
  const std::string peer = "the daemon at " + link->facts.peer_address.text() + " (" + signing.show(key) + ")";
  const auto doubt = [&](const NodeName& name, std::string_view event, const std::string& text) {
    check.doubts.push_back({name, event, text + "; " + peer + " is not believed for that name"});
  };
  // What costs a name alone is taken out before the rest is decided about.
  std::vector<NodeName> names;
  PinReads left{.claimed = {}, .of_key = reads.of_key, .in_all = reads.in_all, .hosts_of_others = reads.hosts_of_others};
  for (std::size_t i = 0; i < check.names.size(); ++i) {
    const NodeName& name = check.names[i];
    const PinRead& read = reads.claimed[i];
    if (const auto holder = taken_by(name, key)) {  // a node may have attached here meanwhile
      doubt_taken(check, *link, name, *holder);
    } else if (!read && check.is_again && link->proven.contains(name) && link->suspect.insert(name).second) {
      check.proven.push_back(name);  // an operator may be in the middle of changing it: what is wrong the next time too, counts
    } else if (!read && check.is_again) {
      const bool is_gone = read.error() == PinError::missing_of_record;
      doubt(name, is_gone ? "pin.missing" : "pin.unreadable",
            "the pin of " + name.text() + (is_gone ? " is gone from the trusted keys" : " cannot be read"));
    } else if (read && !*read && (link->proven.contains(name) || link->taken_back.contains(name))) {
      link->taken_back.insert(name);
      doubt(name, "pin.taken_back", "the pin of " + name.text() + " was taken back");
    } else {
      link->suspect.erase(name);
      names.push_back(name);
      left.claimed.push_back(read);
    }
  }
  check.names = std::move(names);
  if (!link->admitted && check.taken && check.names.empty()) return close_link(id, LinkCode::name_taken, *check.taken, now, out);
  if (config.trust == Trust::strict && !link->admitted && check.record.body.names.empty() && !reads.of_key.empty()) {
    pin_queue.pop_front();
    read_next_pins(out);
    return pins_done(*link, now, out);
  }
  auto decision = decide_pins(config.trust, key, check.names, left,
                              pin_budget.room(key, reads.of_key.size(), reads.in_all, now.steady), link->admitted);
  if (!decision) return refuse_over_pins(*link, decision.error(), now, out);
  if (!link->admitted && check.taken && decision->proven.empty())
    return close_link(id, LinkCode::name_taken, *check.taken, now, out);
  for (const auto& [name, pinned] : decision->of_another)
    doubt(name, "pin.other_key",
          name.text() + " is pinned to " + signing.show(pinned) + " (if that is not right any more: barrel-p2pd keys pin " +
              name.text() + ")");
  // A peer may say a new record with new names as often as it likes, so these are lines that it causes.
  constexpr std::string_view limited = "pins.limited";
  const auto is_told = [&](const NodeName& name) {
    const auto told = link->told_of.find(name);
    return told != link->told_of.end() && told->second == limited;
  };
  if (decision->limit) check.unpinned = {decision->unproven.begin(), decision->unproven.end()};
  check.limit = decision->limit;
  if (decision->limit && !std::ranges::all_of(decision->unproven, is_told) &&
      strangers.may_cause_a_line(link->facts.peer_address, now.steady)) {
    say(out, Severity::warning, "pins.limited",
        "more new names than " + describe(*decision->limit, config.pin_limits) + ": " + listed(decision->unproven) +
            " of " + peer + " cannot be reached until there is room" + std::string{advice(*decision->limit)});
    for (const NodeName& name : decision->unproven) link->told_of[name] = limited;
  }
  check.proven.insert(check.proven.end(), decision->proven.begin(), decision->proven.end());
  if (decision->to_store.empty()) {
    pin_queue.pop_front();
    read_next_pins(out);
    return pins_done(*link, now, out);
  }
  pin_budget.count(key, decision->first_contacts, decision->to_store.size() - decision->first_contacts, now.steady);
  check.stage = PinCheck::Stage::storing;
  check.names = std::move(decision->to_store);
  out.emplace_back(StorePins{id, key, check.names});
}

void Core::Impl::on_pins_stored(LinkId id, bool stored, Now now, Effects& out) {
  Link* link = links.find(id);
  if (link == nullptr || !link->pins || link->pins->stage != PinCheck::Stage::storing) return;
  if (!stored && !link->admitted) {
    say(out, Severity::error, "pin.not_stored",
        "the pins of " + listed(link->pins->names) + " could not be written; the daemon at " +
            link->facts.peer_address.text() + " is refused until they can");
    return close_link(id, LinkCode::pin_unreadable, "the pin could not be written", now, out);
  }
  PinCheck& check = *link->pins;
  if (!stored) {  // what was proven before stays so; the rest is tried again when the pins are looked at again
    for (const NodeName& name : check.names)
      check.doubts.push_back({name, "pin.not_stored", "the pin of " + name.text() + " could not be written; it is not believed until it can"});
    check.names.clear();
  }
  for (const NodeName& name : check.names)
    say(out, Severity::info, "pin.new",
        name.text() + " is pinned to " + signing.show(link->facts.peer_key) + " (first contact, from " +
            link->facts.peer_address.text() + ")");
  check.proven.insert(check.proven.end(), check.names.begin(), check.names.end());
  pin_queue.pop_front();
  read_next_pins(out);
  pins_done(*link, now, out);
}

void Core::Impl::end_channels_with(Link& link, const std::set<NodeName>& names, Now now, Effects& out) {
  const auto is_one = [&](const std::optional<NodeName>& name) { return name && names.contains(*name); };
  std::vector<IncomingId> asked;
  for (const auto& [channel, told] : link.incoming)
    if (is_one(incoming.at(told).from)) asked.push_back(told);
  std::vector<SessionId> legs;
  for (const auto& [channel, leg] : link.channels)
    if (is_one(sessions.find_as<ChannelLeg>(leg)->remote)) legs.push_back(leg);
  for (const IncomingId told : asked)
    refuse_incoming(told, RefuseCode::not_trusted, "your key is not proven for that name any more", now, out);
  for (const SessionId leg : legs) {
    out.emplace_back(CloseSession{leg});
    on_channel_closed(leg, now, out);  // the last one of a losing link takes the link along
  }
}

void Core::Impl::pins_done(Link& link, Now now, Effects& out) {
  const LinkId id = link.id;
  PinCheck check = std::move(*link.pins);
  link.pins.reset();
  const std::set<NodeName> proven{check.proven.begin(), check.proven.end()};
  const std::set<NodeName> claimed{check.record.body.names.begin(), check.record.body.names.end()};
  const auto is_over_with = [&](const NodeName& name) { return proven.contains(name) || !claimed.contains(name); };
  std::erase_if(link.taken_back, is_over_with);
  std::erase_if(link.told_of, [&](const auto& each) { return is_over_with(each.first); });
  link.unpinned = std::move(check.unpinned);
  link.pin_limit = check.limit;
  std::erase_if(link.suspect, [&](const NodeName& name) { return !proven.contains(name); });
  const bool is_over = check.is_again && !link.proven.empty() && proven.empty();
  tell_doubts(link, check.doubts, is_over, now, out);
  if (is_over)
    return close_link(id, LinkCode::not_trusted, "none of its names is pinned to its key any more", now, out);
  std::set<NodeName> lost;
  if (check.is_again) std::ranges::set_difference(link.proven, proven, std::inserter(lost, lost.end()));
  link.record = std::move(check.record);
  link.record_bytes = std::move(check.record_bytes);
  if (proven != link.proven || !check.is_again) {
    links.set_proven(link, proven);
    searches_may_move = true;
  }
  for (const NodeName& name : link.proven) end_redial(name);
  if (link.admitted) {
    hyparview.on_contact(contact_of(link));
    contacts.on_proven(link.facts.peer_key, link.proven);
    tell_names(Topic::neighbours, link.facts.peer_key, out);
    tell_names(Topic::members, link.facts.peer_key, out);
  }
  if (!claimed.empty()) deadlines.set_if_none({Deadlines::Of::pins, 0}, now.steady + limits::pins_looked_at_every);
  if (!link.admitted) {
    admit(link, now, out);
    if (links.find(id) == nullptr) return;  // a better one was there
  }
  end_channels_with(link, lost, now, out);
  if (links.find(id) == nullptr) return;
  if (check.then) act_on(id, std::move(*check.then), now, out);
  for (;;) {
    Link* still = links.find(id);
    if (still == nullptr || still->pins || still->held.empty()) return;
    const Link::Held next = std::move(still->held.front());
    still->held.pop_front();
    still->held_bytes -= next.message.size();
    process_message(id, next.on, next.message, now, out);
  }
}

void Core::Impl::admit(Link& link, Now now, Effects& out) {
  deadlines.clear({Deadlines::Of::hello, link.id.value});
  links.on_admitted(link, now.steady);
  out.emplace_back(AdmitLink{link.id});
  say(out, news_of(link.facts.peer_key), "link.admitted",
      "link to the daemon at " + link.facts.peer_address.text() + " (" + signing.show(link.facts.peer_key) + "), which serves " +
          listed(link.proven));
  note_admitted(link, now);
  send_record(link, now, out);
  cancel_dials_to_peer(link, out);
  const LinkId id = link.id;
  settle_duplicates(link.facts.peer_key, now, out);
  if (Link* still = links.find(id)) on_link_admitted(*still, now);
}

void Core::Impl::refuse_over_pins(Link& link, const PinRefusal& refusal, Now now, Effects& out) {
  using Why = PinRefusal::Why;
  const LinkId id = link.id;
  const std::string peer = "the daemon at " + link.facts.peer_address.text();
  const std::string key = signing.show(link.facts.peer_key);
  const std::string name = refusal.name ? refusal.name->text() : "";
  // Each of these can be caused by a stranger who has a key of his own, so each source gets one line a minute.
  const auto tell = [&](std::string_view event, std::string text) {
    if (strangers.may_cause_a_line(link.facts.peer_address, now.steady)) say(out, Severity::error, event, std::move(text));
  };
  switch (refusal.why) {
    case Why::other_key:
      tell("pin.other_key", peer + " claims " + name + " with the key " + key + ", but " + name + " is pinned to " +
                                signing.show(*refusal.pinned) +
                                "; refused. If the host was reinstalled: barrel-p2pd keys unpin " + name);
      return close_link(id, LinkCode::not_trusted, name + " is pinned to another key", now, out);
    case Why::missing_of_record:
      tell("pin.missing", "the pin of " + name + " is gone from the trusted keys; " + peer + " (" + key +
                              ") is refused until the file is back or: barrel-p2pd keys unpin " + name);
      return close_link(id, LinkCode::pin_unreadable, "the pin of " + name + " is missing", now, out);
    case Why::unreadable:
      tell("pin.unreadable", "the pin of " + name + " cannot be read; " + peer + " (" + key +
                                 ") is refused until the file is repaired");
      return close_link(id, LinkCode::pin_unreadable, "the pin of " + name + " cannot be read", now, out);
    case Why::no_pin:
      tell("pin.none", peer + " (" + key + ") serves " + listed(link.pins->names) +
                           " and none of them is pinned; trust mode strict refuses it. To believe it: `barrel-p2pd keys show` there, "
                           "and here `barrel-p2pd keys pin NAME HEX` with the 64 digits that it prints");
      return close_link(id, LinkCode::not_trusted, "none of its names is pinned to this key", now, out);
  }
}

}  // namespace bp2p
