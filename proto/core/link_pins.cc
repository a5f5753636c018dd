// A peer's names against the pins, and what follows: admission, or the end of the link.
#include <algorithm>

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
  const bool passes = limit != PinLimit::pins && limit != PinLimit::pins_of_key;
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

void Core::Impl::check_pins(Link& link, VerifiedRecord record, Bytes record_bytes, std::optional<peer::Message> then,
                            Now now, Effects& out) {
  PinCheck check{.record = std::move(record), .record_bytes = std::move(record_bytes), .names = {}, .proven = {},
                 .then = std::move(then)};
  for (const NodeName& name : check.record.body.names) {
    if (link.proven.contains(name)) {
      check.proven.push_back(name);
    } else if (const auto holder = taken_by(name, link.facts.peer_key)) {
      // Only in an update; a HELLO was refused over it. The names proven before keep their channels.
      say(out, Severity::warning, "name.taken",
          "the daemon at " + link.facts.peer_address.text() + " says it serves " + name.text() + ", which is served by " +
              *holder + "; it is not believed");
    } else {
      check.names.push_back(name);
    }
  }
  link.pins = std::move(check);
  if (link.pins->names.empty()) {
    if (link.admitted || config.trust == Trust::tofu) return pins_done(link, now, out);
    return refuse_over_pins(link, {PinRefusal::Why::no_pin, std::nullopt, std::nullopt, std::nullopt}, now, out);
  }
  pin_queue.push_back(link.id);
  if (pin_queue.size() == 1) read_next_pins(out);
}

void Core::Impl::read_next_pins(Effects& out) {
  if (pin_queue.empty()) return;
  Link& link = *links.find(pin_queue.front());
  link.pins->stage = PinCheck::Stage::reading;
  out.emplace_back(ReadPins{link.id, link.facts.peer_key, link.pins->names});
}

void Core::Impl::on_pins_read(LinkId id, const PinReads& reads, Now now, Effects& out) {
  Link* link = links.find(id);
  if (link == nullptr || !link->pins || link->pins->stage != PinCheck::Stage::reading) return;
  PinCheck& check = *link->pins;
  BP2P_CHECK(reads.claimed.size() == check.names.size());
  // A node may have attached here meanwhile.
  for (const NodeName& name : check.names)
    if (const auto holder = taken_by(name, link->facts.peer_key))
      return close_link(id, LinkCode::name_taken, name.text() + " is served by " + *holder, now, out);
  const PublicKey& key = link->facts.peer_key;
  auto decision = decide_pins(config.trust, key, check.names, reads,
                              pin_budget.room(key, reads.of_key.size(), reads.in_all, now.steady));
  if (!decision) {
    const auto why = decision.error().why;
    const bool is_about_new_names = why == PinRefusal::Why::no_pin || why == PinRefusal::Why::too_many;
    if (!is_about_new_names || !link->admitted) return refuse_over_pins(*link, decision.error(), now, out);
    decision = PinDecision{.proven = {}, .to_store = {}, .first_contacts = 0, .unproven = check.names,
                           .limit = decision.error().limit};  // what was proven stays so
  }
  // A peer may say a new record with new names as often as it likes, so these are lines that it causes.
  if (decision->limit && strangers.may_cause_a_line(link->facts.peer_address, now.steady))
    say(out, Severity::warning, "pins.limited",
        "more new names than " + describe(*decision->limit, config.pin_limits) + ": " + listed(decision->unproven) +
            " of the daemon at " + link->facts.peer_address.text() + " (" + signing.show(key) +
            ") cannot be reached; they are looked at again with its next record" + std::string{advice(*decision->limit)});
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
  if (!stored) {
    say(out, Severity::error, "pin.not_stored",
        "the pins of " + listed(link->pins->names) + " could not be written; the daemon at " +
            link->facts.peer_address.text() + " is refused until they can");
    return close_link(id, LinkCode::pin_unreadable, "the pin could not be written", now, out);
  }
  PinCheck& check = *link->pins;
  for (const NodeName& name : check.names)
    say(out, Severity::info, "pin.new",
        name.text() + " is pinned to " + signing.show(link->facts.peer_key) + " (first contact, from " +
            link->facts.peer_address.text() + ")");
  check.proven.insert(check.proven.end(), check.names.begin(), check.names.end());
  pin_queue.pop_front();
  read_next_pins(out);
  pins_done(*link, now, out);
}

void Core::Impl::pins_done(Link& link, Now now, Effects& out) {
  const LinkId id = link.id;
  PinCheck check = std::move(*link.pins);
  link.pins.reset();
  link.record = std::move(check.record);
  link.record_bytes = std::move(check.record_bytes);
  links.set_proven(link, {check.proven.begin(), check.proven.end()});
  searches_may_move = true;
  for (const NodeName& name : link.proven) end_redial(name);
  if (!link.admitted) {
    admit(link, now, out);
    if (links.find(id) == nullptr) return;  // a better one was there
  }
  if (check.then) act_on(id, std::move(*check.then), now, out);
  for (;;) {
    Link* still = links.find(id);
    if (still == nullptr || still->pins || still->held.empty()) return;
    const Bytes message = std::move(still->held.front());
    still->held.pop_front();
    still->held_bytes -= message.size();
    process_message(id, message, now, out);
  }
}

void Core::Impl::admit(Link& link, Now now, Effects& out) {
  deadlines.clear({Deadlines::Of::hello, link.id.value});
  links.on_admitted(link, now.steady);
  out.emplace_back(AdmitLink{link.id});
  say(out, Severity::info, "link.admitted",
      "link to the daemon at " + link.facts.peer_address.text() + " (" + signing.show(link.facts.peer_key) + "), which serves " +
          listed(link.proven));
  send_record(link, now, out);
  cancel_dials_to_peer(link, out);
  settle_duplicates(link.facts.peer_key, now, out);
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
                           " and none of them is pinned; trust mode strict refuses it");
      return close_link(id, LinkCode::not_trusted, "none of its names is pinned to this key", now, out);
    case Why::too_many:
      tell("pins.limited", peer + " (" + key + ") is refused: more new names than " +
                               describe(*refusal.limit, config.pin_limits) + std::string{advice(*refusal.limit)});
      return close_link(id, LinkCode::too_many_pins, "more new names than " + describe(*refusal.limit, config.pin_limits),
                        now, out);
  }
}

}  // namespace bp2p
