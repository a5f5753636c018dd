// Two links to one peer become one, and links go: closed by us, by the peer, or lost.
#include <algorithm>

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {
namespace {

std::string_view text_of(LinkEnd::How how) {
  switch (how) {
    case LinkEnd::How::closed_by_peer: return "closed by the peer";
    case LinkEnd::How::idle: return "nothing was heard for the idle time-out";
    case LinkEnd::How::reset: return "the peer's daemon has lost the connection (it was restarted)";
    case LinkEnd::How::lost: return "the connection was lost";
  }
  return "gone";
}

/// What a node that dialled hears when a link ends for this reason.
RefuseCode refuse_code(const std::optional<LinkCode>& code) {
  if (!code) return RefuseCode::unreachable;
  switch (*code) {
    case LinkCode::not_trusted:
    case LinkCode::pin_unreadable:
    case LinkCode::name_taken: return RefuseCode::not_trusted;
    case LinkCode::self: return RefuseCode::no_such_node;
    default: return RefuseCode::unreachable;
  }
}

/// Dialling again would end the same way.
bool is_final(const std::optional<LinkCode>& code) {
  return code && *code != LinkCode::goodbye && *code != LinkCode::hello_timeout;
}

/// What to do when a peer refuses us for this reason.
std::string advice(LinkCode code) {
  switch (code) {
    case LinkCode::not_trusted:
      return ". The peer does not trust our key: if ours is right (barrel-p2pd keys show), say there: barrel-p2pd keys pin NAME "
             "KEY, or keys unpin NAME";
    case LinkCode::pin_unreadable: return ". To be repaired at the peer: barrel-p2pd keys list names the file there";
    default: return name_of(code) == "unknown" ? "" : ". What to do: barrel-p2pd explain " + std::string{name_of(code)};
  }
}

}  // namespace

/// Links with members come and go with walks and shuffles; what is news of them is said of the member.
Severity Core::Impl::news_of(const PublicKey& key) const {
  return suspicions.is_living(key) ? Severity::debug : Severity::info;
}

void Core::Impl::close_link(LinkId id, LinkCode code, std::string text, Now now, Effects& out) {
  Link& link = *links.find(id);
  if (code != LinkCode::goodbye && code != LinkCode::duplicate) ++refused_links;
  out.emplace_back(CloseLink{id, code, text});
  const bool is_error = code != LinkCode::goodbye && code != LinkCode::duplicate && code != LinkCode::self;
  if (link.admitted ? true : is_error && strangers.may_cause_a_line(link.facts.peer_address, now.steady))
    say(out, is_error ? Severity::warning : news_of(link.facts.peer_key), link.admitted ? "link.closed" : "link.refused",
        "link with the daemon at " + link.facts.peer_address.text() + " (" + signing.show(link.facts.peer_key) + ") closed: " +
            std::string{name_of(code)} + ", " + text);
  drop_link(id, {.code = code, .by_us = true, .text = std::move(text)}, now, out);
}

void Core::Impl::on_link_closed(LinkId id, const LinkEnd& why, Now now, Effects& out) {
  Link* link = links.find(id);
  if (link == nullptr) return;
  const bool is_closed = why.how == LinkEnd::How::closed_by_peer;
  std::string text{text_of(why.how)};
  if (is_closed)
    text += " (" + std::string{name_of(static_cast<LinkCode>(why.code))} + ")";
  if (!why.text.empty()) text += ": " + clean(why.text);
  const auto code = is_closed ? std::optional{static_cast<LinkCode>(why.code)} : std::nullopt;
  // A peer that refuses us: somebody has to do something, mostly there. It is dialled again and again, so once a minute.
  const bool is_refusal = is_final(code) && *code != LinkCode::duplicate && *code != LinkCode::self;
  // That it stops was said when it left. While it does it is like an address that does not answer (dial.failed).
  const bool is_stopping = code == LinkCode::goodbye && !link->admitted;
  const Severity severity = is_refusal    ? Severity::warning
                            : is_stopping ? Severity::debug
                            : is_closed   ? news_of(link->facts.peer_key)
                                          : Severity::info;
  if (link->admitted || (link->dialled_here() && !is_refusal) || strangers.may_cause_a_line(link->facts.peer_address, now.steady))
    say(out, severity, link->admitted ? "link.closed" : "link.refused",
        "link with the daemon at " + link->facts.peer_address.text() + " (" + signing.show(link->facts.peer_key) + ") gone: " + text +
            (is_refusal ? advice(*code) : ""));
  drop_link(id, {.code = code, .by_us = false, .text = std::move(text)}, now, out);
}

void Core::Impl::drop_link(LinkId id, const Gone& gone, Now now, Effects& out) {
  Link& link = *links.find(id);
  const PublicKey key = link.facts.peer_key;
  const Address address = link.dialled_to;
  const bool was_admitted = link.admitted;
  const std::string text = address.text() + ": " + gone.text;
  deadlines.clear({Deadlines::Of::hello, id.value});

  std::vector<IncomingId> told;
  for (const auto& [channel, each] : link.incoming) told.push_back(each);
  for (const IncomingId each : told) forget_incoming(each);

  const bool moves = gone.code == LinkCode::duplicate || links.of_key(key).size() > 1;
  std::vector<SessionId> refused;
  for (const auto& [channel, leg] : link.opens) {
    sessions.find_as<DialLeg>(leg)->asked.reset();
    if (!moves) refused.push_back(leg);
  }
  link.opens.clear();
  if (gone.code == LinkCode::duplicate) {
    expect_other_link(address, key, now);
  } else if (!was_admitted) {
    note_not_admitted(link, refuse_code(gone.code), gone.code, gone.text, now);
  }

  std::vector<NodeName> spoken;
  if (was_admitted && !is_final(gone.code) && !stopping) {
    for (const auto& [name, talk] : link.spoken_with)
      if (talk.open > 0 || now.steady - talk.last_closed <= Link::moment) spoken.push_back(name);
  }

  const bool was_first = !pin_queue.empty() && pin_queue.front() == id;
  std::erase(pin_queue, id);
  links.erase(id);
  if (was_first) read_next_pins(out);

  for (const SessionId leg : refused) refuse(leg, refuse_code(gone.code), text, now, out);
  for (const NodeName& name : spoken)
    if (links.serving(name).empty()) dial_again(name, text, now, out);
  settle_duplicates(key, now, out);
  if (was_admitted || links.of_key(key).empty()) on_link_gone(key, was_admitted && !gone.code, now, out);
  searches_may_move = true;
}

void Core::Impl::settle_duplicates(const PublicKey& key, Now now, Effects& out) {
  // A daemon that was started anew has forgotten what it had on its older links.
  std::uint64_t newest = 0;
  for (const LinkId id : links.of_key(key))
    if (const Link* link = links.find(id); link->admitted) newest = std::max(newest, link->record->body.epoch);
  std::vector<LinkId> outlived;
  for (const LinkId id : links.of_key(key))
    if (const Link* link = links.find(id); link->admitted && link->record->body.epoch < newest) outlived.push_back(id);
  for (const LinkId id : outlived)
    if (links.find(id) != nullptr) close_link(id, LinkCode::duplicate, "the peer's daemon was started anew", now, out);

  links.judge_duplicates(key);
  std::vector<LinkId> losing;
  for (const LinkId id : links.of_key(key))
    if (links.find(id)->losing) losing.push_back(id);
  for (const LinkId id : losing) {
    Link* link = links.find(id);
    if (link == nullptr || !link->losing) continue;
    // What waits on it is asked on the other one: ours by us, the peer's by the peer.
    std::vector<SessionId> ours;
    for (const auto& [channel, leg] : link->opens) ours.push_back(leg);
    for (const SessionId leg : ours) withdraw_open(*sessions.find_as<DialLeg>(leg), out);
    std::vector<IncomingId> theirs;
    for (const auto& [channel, told] : link->incoming) theirs.push_back(told);
    for (const IncomingId told : theirs)
      refuse_incoming(told, RefuseCode::moved, "there is a better link between the two daemons", now, out);
    searches_may_move = true;
    // One end closes it, the one with the smaller key, so that two opinions can never close both links.
    if (link->channels.empty() && signing.own_key() < key)
      close_link(id, LinkCode::duplicate, "there is a better link between the two daemons", now, out);
  }
}

}  // namespace bp2p
