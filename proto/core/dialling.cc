// From a name, a key or an address to a link: who has one already, where it may be, dials, and dialling again what was lost.
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {
namespace {

std::string_view text_of(DialError error) {
  switch (error) {
    case DialError::no_answer: return "no answer";
    case DialError::refused: return "refused by the peer's daemon";
    case DialError::wrong_protocol: return "something there does not speak barrel-p2p/1";
    case DialError::bad_certificate: return "its certificate does not prove an Ed25519 key";
    case DialError::local: return "could not be sent from here";
  }
  return "failed";
}

}  // namespace

bool Core::Impl::is_in_flight(const Address& address) const { return dials_by_address.contains(address); }

const std::vector<LinkId>& Core::Impl::leading_to(const Search& search) const {
  static const std::vector<LinkId> none;
  if (const NodeName* name = search.maybe_name()) return links.serving(*name);
  return search.key() ? links.of_key(*search.key()) : none;
}

Core::Impl::SearchStep Core::Impl::step(Search& search, SearchOwner owner, Now now, Effects& out) {
  const auto may_ask = [&](const Link& link) { return !search.refused_by.contains(link.id); };
  const auto is_moving = [&](const Link& link) { return search.moved_from == link.id && now.steady < search.moved_until; };

  // There is such a link already.
  for (const LinkId id : leading_to(search)) {
    const Link& link = *links.find(id);
    if (!link.admitted || link.losing || !may_ask(link)) continue;
    if (links.has_better_coming(link)) return Wait{never};
    if (is_moving(link)) return Wait{search.moved_until};
    return Ask{id};
  }

  if (!search.resolved) {
    if (!search.resolving) {
      search.resolving = ResolveId{++last_id};
      resolves.emplace(*search.resolving, owner);
      out.emplace_back(Resolve{*search.resolving, search.name(), contacts.addresses_of(search.name())});
    }
    return Wait{never};
  }

  TimePoint wake = never;
  bool is_pending = false;
  // What came of the addresses begun so far. A link there may be of our own making or the peer's.
  for (Search::Attempt& attempt : search.attempts) {
    if (!attempt.begun) continue;
    const bool has_link = !links.at(attempt.to).empty();
    for (const LinkId id : links.at(attempt.to)) {
      const Link* link = links.find(id);
      if (link->admitted && link->losing) link = links.best_of(link->facts.peer_key);
      if (link == nullptr || !may_ask(*link)) continue;
      if (!link->admitted || links.has_better_coming(*link)) {
        is_pending = true;
      } else if (is_moving(*link)) {
        is_pending = true;
        wake = std::min(wake, search.moved_until);
      } else if (const NodeName* name = search.maybe_name();
                 name && !link->pins && !link->proven.contains(*name) && std::ranges::contains(link->record->body.names, *name)) {
        search.refused_by.insert(link->id);
        search.note(RefuseCode::not_trusted, not_served_text(*link, *name, now));
        note_channel(*link, *name, RefuseCode::not_trusted, "its key is not pinned for the name", now);
      } else if (search.key() && *search.key() != link->facts.peer_key) {
        search.refused_by.insert(link->id);
        search.note(RefuseCode::unreachable, attempt.to.text() + ": another daemon answers there");
      } else {
        return Ask{link->id};  // the node may have come a moment ago: its daemon knows better than we
      }
    }
    if (is_in_flight(attempt.to)) {
      is_pending = true;
    } else if (!has_link && !attempt.dialled) {
      attempt.begun = false;  // the peer's own attempt came to nothing: ours is due
    }
  }

  if (search.other_link_of) {
    const Link* link = links.best_of(*search.other_link_of);
    const bool fits = search.key() == nullptr || *search.key() == *search.other_link_of;
    if (link != nullptr && fits && may_ask(*link)) {
      if (!links.has_better_coming(*link) && !is_moving(*link)) return Ask{link->id};
      is_pending = true;
    } else if (link == nullptr && now.steady < search.other_link_until) {
      is_pending = true;
      wake = std::min(wake, search.other_link_until);
    }
  }

  for (Search::Attempt& attempt : search.attempts) {
    if (attempt.begun) continue;
    if (is_pending && now.steady - search.last_begun < search.alone)
      return Wait{std::min(wake, search.last_begun + search.alone)};
    attempt.begun = true;
    search.last_begun = now.steady;
    if (!links.at(attempt.to).empty()) return step(search, owner, now, out);  // at most once per address
    attempt.dialled = true;
    is_pending = true;
    if (is_in_flight(attempt.to)) continue;
    const DialId id{++last_id};
    dials.emplace(id, DialUnderWay{attempt.to, now.steady});
    dials_by_address.emplace(attempt.to, id);
    out.emplace_back(Dial{id, attempt.to});
  }
  if (is_pending) return Wait{wake};
  return Exhausted{};
}

std::string Core::Impl::not_pinned_text(const Link& link, const NodeName& name, Now now) {
  if (!link.unpinned.contains(name) || !link.pin_limit) return "";
  const auto next = pin_budget.next_in(*link.pin_limit, link.facts.peer_key, now.steady);
  const std::string when = next ? "it is tried again, in " + std::to_string(std::chrono::ceil<std::chrono::minutes>(*next).count()) + " min at the soonest"
                                : "names that are not used any more can be taken back";
  return ": there are more new names than " + describe(*link.pin_limit, config.pin_limits) + "; " + when;
}

std::string Core::Impl::not_served_text(const Link& link, const NodeName& name, Now now) {
  const std::string why = not_pinned_text(link, name, now);
  return "the daemon at " + link.facts.peer_address.text() + " (" + signing.show(link.facts.peer_key) + ") says it serves " +
         name.text() + ", but its key is not pinned for that name" + why + (why.empty() ? "" : ", or pin it by hand: barrel-p2pd keys pin " + name.text());
}

void Core::Impl::on_resolved(ResolveId id, std::vector<Address> addresses, Now now, Effects& out) {
  const auto found = resolves.find(id);
  if (found == resolves.end()) return;  // who asked has gone
  const SearchOwner owner = found->second;
  resolves.erase(found);
  const auto fill = [&](Search& search) {
    search.resolving.reset();
    search.resolved = true;
    for (const Address& address : addresses) {
      if (search.attempts.size() >= limits::addresses_per_name_max) break;
      if (!std::ranges::contains(search.attempts, address, &Search::Attempt::to)) search.attempts.push_back({.to = address});
    }
    if (!search.attempts.empty()) {  // the last one must be begun while it can still answer
      const auto turns = static_cast<Duration::rep>(search.attempts.size());
      search.alone = std::min<Duration>(search.alone, (config.dial_budget - std::min(config.dial_budget, answer_within)) / turns);
    }
    if (search.attempts.empty()) {
      search.code = RefuseCode::unknown_node;
      search.tried = "nobody knows an address for " + search.name().text();
      note_not_found(search, now);
    }
  };
  // end_search takes the look-up along, so its owner is there.
  if (const auto* leg = std::get_if<SessionId>(&owner)) {
    auto* dial_leg = sessions.find_as<DialLeg>(*leg);
    BP2P_CHECK(dial_leg != nullptr);
    fill(dial_leg->search);
    advance_dial(*leg, now, out);
  } else if (const auto* redial_id = std::get_if<RedialId>(&owner)) {
    Redial& redial = redials.at(*redial_id);
    BP2P_CHECK(redial.search.has_value());
    fill(*redial.search);
    advance_redial(*redial_id, now, out);
  } else {
    const auto reach_id = std::get<ReachId>(owner);
    fill(reaches.at(reach_id).search);
    advance_reach(reach_id, now, out);
  }
}

void Core::Impl::on_dial_failed(DialId id, DialError why, Now now, Effects&) {
  const auto found = dials.find(id);
  if (found == dials.end()) return;
  const Address address = found->second.to;
  dials.erase(found);
  dials_by_address.erase(address);
  const bool is_silent = why == DialError::no_answer || why == DialError::local;
  note_failure(address, RefuseCode::unreachable,
               {.at = now.wall, .phase = is_silent ? AttemptPhase::udp : AttemptPhase::tls,
                .result = std::string{text_of(why)}, .code = name_of(RefuseCode::unreachable)});
  searches_may_move = true;
}

void Core::Impl::expect_other_link(const Address& address, const PublicKey& key, Now now) {
  const auto expect = [&](Search& search, bool) {
    for (const Search::Attempt& attempt : search.attempts) {
      if (!attempt.begun || attempt.to != address) continue;
      search.other_link_of = key;
      search.other_link_until = now.steady + config.hello_budget;
    }
  };
  for_each_search(expect);
}

void Core::Impl::note_failure(const Address& address, RefuseCode code, Ledger::Entry what, const PublicKey* by) {
  what.address = address;
  const auto note = [&](Search& search, bool) {
    for (const Search::Attempt& attempt : search.attempts) {
      if (!attempt.begun || attempt.to != address) continue;
      // That another daemon is there now, and has trouble with us, says nothing of the one that is sought.
      const bool is_another = by != nullptr && search.key() != nullptr && *search.key() != *by;
      search.note(is_another ? RefuseCode::unreachable : code, address.text() + ": " + what.result);
      ledger.note(search.sought(), what);
    }
  };
  for_each_search(note);
}

void Core::Impl::advance_dial(SessionId leg, Now now, Effects& out) {
  auto* waiting = sessions.find_as<DialLeg>(leg);
  if (waiting == nullptr || waiting->local) return;
  if (waiting->asked) {
    if (now.steady < waiting->asked->until) return;
    const Link& link = *links.find(waiting->asked->link);
    if (link.proven.contains(waiting->search.name()))  // its node has its time
      return deadlines.set({Deadlines::Of::session, leg.value}, waiting->deadline);
    // Whoever answers at one of the addresses may be anybody: who says nothing costs the others their turn no longer.
    waiting->search.refused_by.insert(link.id);
    waiting->search.note(RefuseCode::unreachable, link.facts.peer_address.text() + ": the daemon there does not answer for the name");
    withdraw_open(*waiting, out);
    for (Search::Attempt& attempt : waiting->search.attempts)
      if (links.at(attempt.to).empty()) attempt.begun = attempt.dialled = false;  // its dial was cancelled when we asked
  }
  if (const auto target = sessions.named(waiting->search.name())) return open_local(leg, *target, now, out);

  const SearchStep next = step(waiting->search, leg, now, out);
  if (const auto* ask = std::get_if<Ask>(&next)) return open_on_link(leg, ask->link, now, out);
  if (const auto* wait = std::get_if<Wait>(&next)) {
    deadlines.set({Deadlines::Of::session, leg.value}, std::min(waiting->deadline, wait->until));
    return;
  }
  const Search& search = waiting->search;
  refuse(leg, search.code, search.tried.empty() ? "nothing answered for " + search.name().text() : search.tried, now, out);
}

void Core::Impl::advance_redial(RedialId id, Now now, Effects& out) {
  Redial& redial = redials.at(id);
  if (!redial.search) return;
  const SearchStep next = step(*redial.search, id, now, out);
  if (std::holds_alternative<Ask>(next)) {  // there is a link again; channels are the nodes' to open
    const NodeName name = redial.name;
    return end_redial(name);
  }
  if (const auto* wait = std::get_if<Wait>(&next)) {
    deadlines.set({Deadlines::Of::redial, id.value}, std::min(redial.search_deadline, wait->until));
    return;
  }
  schedule_redial(id, redial.search->tried, now);
}

void Core::Impl::advance_all(Now now, Effects& out) {
  const std::vector<SessionId> legs(sessions.dials().begin(), sessions.dials().end());
  for (const SessionId leg : legs) advance_dial(leg, now, out);
  std::vector<RedialId> searching;
  for (const auto& [id, redial] : redials)
    if (redial.search) searching.push_back(id);
  for (const RedialId id : searching) advance_redial(id, now, out);
  std::vector<ReachId> reaching;
  for (const auto& [id, each] : reaches) reaching.push_back(id);
  for (const ReachId id : reaching) advance_reach(id, now, out);
}

void Core::Impl::end_search(Search& search) {
  if (search.resolving) resolves.erase(*search.resolving);
  search.resolving.reset();
  dials_may_be_unwanted = true;
}

void Core::Impl::cancel_unwanted_dials(Effects& out) {
  std::set<Address> wanted;
  const auto collect = [&](const Search& search, bool looks) {
    if (!looks) return;
    for (const Search::Attempt& attempt : search.attempts)
      if (attempt.begun) wanted.insert(attempt.to);
  };
  for_each_search(collect);
  std::erase_if(dials, [&](const auto& entry) {
    if (wanted.contains(entry.second.to)) return false;
    out.emplace_back(CancelDial{entry.first});
    dials_by_address.erase(entry.second.to);
    return true;
  });
}

// A dial that has not come to a handshake yet, to a peer with which there is a link by now, could only make a second
// link, and would make both ends wait for it when nothing answers there.
void Core::Impl::cancel_dials_to_peer(const Link& admitted, Effects& out) {
  const auto cancel = [&](const Address& address) {
    const auto found = dials_by_address.find(address);
    if (found == dials_by_address.end()) return;
    out.emplace_back(CancelDial{found->second});
    dials.erase(found->second);
    dials_by_address.erase(found);
  };
  cancel(admitted.facts.peer_address);
}

void Core::Impl::dial_again(const NodeName& name, const std::string& why, Now now, Effects&) {
  if (redials_by_name.contains(name) || redials.size() >= limits::redials_max) return;
  const RedialId id{++last_id};
  redials_by_name.emplace(name, id);
  Redial& redial = redials.emplace(id, Redial{name}).first->second;
  redial.until = now.steady + redial_for;
  schedule_redial(id, why, now);
}

void Core::Impl::end_redial(const NodeName& name) {
  const auto found = redials_by_name.find(name);
  if (found == redials_by_name.end()) return;
  Redial& redial = redials.at(found->second);
  if (redial.search) end_search(*redial.search);
  deadlines.clear({Deadlines::Of::redial, found->second.value});
  redials.erase(found->second);
  redials_by_name.erase(found);
}

void Core::Impl::schedule_redial(RedialId id, std::string why, Now now) {
  Redial& redial = redials.at(id);
  if (redial.search) {
    end_search(*redial.search);
    redial.search.reset();
    ++redial.failures;
  }
  redial.last_error = std::move(why);
  // Full jitter: anywhere up to the bound, so that two ends, or a hundred peers of one, do not meet again and again.
  const Duration bound = redial.failures >= 16 ? config.reconnect_max
                                               : std::min(config.reconnect_max, config.reconnect_min * (1 << redial.failures));
  const auto jitter = rng.below(static_cast<std::uint64_t>(bound.count()) + 1);
  redial.next_try = now.steady + Duration{static_cast<Duration::rep>(jitter)};
  deadlines.set({Deadlines::Of::redial, id.value}, redial.next_try);
}

}  // namespace bp2p
