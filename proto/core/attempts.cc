// What goes into the ledger. What a peer tries with us stays out of it, unless a search of ours waits for that: strangers
// have as many keys and addresses as they like.
#include <algorithm>

#include "proto/core/impl.h"

namespace bp2p {
namespace {

/// A peer may close a link with any number.
std::string_view code_of(const std::optional<LinkCode>& code, RefuseCode otherwise) {
  return code ? name_of(*code) : name_of(otherwise);
}

AttemptPhase phase_of(RefuseCode code) { return code == RefuseCode::not_trusted ? AttemptPhase::trust : AttemptPhase::hello; }

}  // namespace

void Core::Impl::note_admitted(const Link& link, Now now) {
  const Ledger::Entry what{.at = now.wall, .address = link.dialled_to, .phase = AttemptPhase::trust,
                           .result = "linked with " + signing.show(link.facts.peer_key)};
  std::set<Sought> sought;
  if (link.dialled_here()) sought.insert(link.facts.peer_key);
  for_each_search([&](const Search& search, bool) {
    for (const Search::Attempt& attempt : search.attempts)
      if (attempt.begun && attempt.to == link.dialled_to) sought.insert(search.sought());
  });
  for (const Sought& each : sought) ledger.note(each, what);
}

void Core::Impl::note_found(const Search& search, const Link& link, Now now) {
  ledger.note(search.sought(), {.at = now.wall, .address = link.dialled_to, .phase = AttemptPhase::trust,
                                .result = "linked with " + signing.show(link.facts.peer_key)});
}

void Core::Impl::note_not_admitted(const Link& link, RefuseCode code, const std::optional<LinkCode>& gone_code,
                                   const std::string& why, Now now) {
  const Ledger::Entry what{.at = now.wall, .phase = phase_of(code), .result = why, .code = code_of(gone_code, code)};
  note_failure(link.dialled_to, code, what, &link.facts.peer_key);
  const auto is_sought = [&](const auto& each) { return each.second.search.key() && *each.second.search.key() == link.facts.peer_key; };
  if (!link.dialled_here() || std::ranges::any_of(reaches, is_sought)) return;  // it has it already
  Ledger::Entry of_key = what;
  of_key.address = link.dialled_to;
  ledger.note(link.facts.peer_key, std::move(of_key));
}

void Core::Impl::note_not_found(const Search& search, Now now) {
  ledger.note(search.sought(), {.at = now.wall, .phase = AttemptPhase::look_up, .result = "nobody knows an address",
                                .code = name_of(RefuseCode::unknown_node)});
}

void Core::Impl::note_channel(const Link& link, const NodeName& to, RefuseCode code, const std::string& why, Now now) {
  ledger.note(to, {.at = now.wall, .address = link.facts.peer_address, .phase = AttemptPhase::channel, .result = why,
                   .code = name_of(code)});
}

void Core::Impl::note_silence(const Search& search, Now now) {
  const std::string_view code = name_of(RefuseCode::timed_out);
  if (search.resolving)
    ledger.note(search.sought(), {.at = now.wall, .phase = AttemptPhase::look_up, .result = "no answer in time", .code = code});
  for (const Search::Attempt& attempt : search.attempts) {
    if (!attempt.begun) continue;
    const auto& there = links.at(attempt.to);
    if (is_in_flight(attempt.to)) {
      ledger.note(search.sought(), {.at = now.wall, .address = attempt.to, .phase = AttemptPhase::udp,
                                    .result = "no answer in time", .code = code});
    } else if (!there.empty()) {
      const bool is_admitted = links.find(there.front())->admitted;
      ledger.note(search.sought(), {.at = now.wall, .address = attempt.to,
                                    .phase = is_admitted ? AttemptPhase::channel : AttemptPhase::hello,
                                    .result = "no answer in time", .code = code});
    }
  }
}

}  // namespace bp2p
