// What a peer says on a link: HELLO first, then records and channels.
#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {
namespace {

/// The record that comes with a message; nullptr when the message has no place for one.
const Bytes* record_in(const peer::Message& message) {
  if (const auto* update = std::get_if<peer::RecordUpdate>(&message)) return &update->record;
  if (const auto* open = std::get_if<peer::ChannelOpen>(&message)) return &open->record;
  if (const auto* opened = std::get_if<peer::ChannelOpened>(&message)) return &opened->record;
  return nullptr;
}

}  // namespace

void Core::Impl::on_link_opened(LinkId id, const LinkFacts& facts, Now now, Effects& out) {
  std::optional<Address> dialled;
  if (facts.dial) {
    if (const auto dial = dials.find(*facts.dial); dial != dials.end()) {
      dialled = dial->second.to;
      dials_by_address.erase(*dialled);
      dials.erase(dial);
    }
  }
  const bool is_full = links.half_open() >= limits::links_half_open_max || links.size() >= limits::links_max;
  const bool is_one_too_many = links.of_key(facts.peer_key).size() >= limits::links_per_key_max;
  if ((is_full || is_one_too_many) && !facts.dial) {
    // Not entered anywhere: a stranger's link costs nothing more than this answer.
    ++refused_links;
    out.emplace_back(CloseLink{id, is_full ? LinkCode::goodbye : LinkCode::duplicate, "too many links"});
    return;
  }
  Link& link = links.add(id, facts, dialled, now.steady);
  searches_may_move = true;
  if (stopping) return close_link(id, LinkCode::goodbye, "the daemon is stopping", now, out);
  if (facts.peer_key == signing.own_key()) {
    // One of several addresses that leads here says nothing of the others.
    for (const auto& [_, each] : reaches)
      if (each.is_join && each.search.attempts.size() == 1 && each.search.attempts.front().to == dialled)
        remember_contact(each.search, facts.peer_key);
    return close_link(id, LinkCode::self, "the address leads to the daemon itself", now, out);
  }
  deadlines.set({Deadlines::Of::hello, id.value}, now.steady + config.hello_budget);
  const Bytes& record = own.at(now.wall);
  link.sent_number = own.number();
  deadlines.set_if_none({Deadlines::Of::own_record, 0}, now.steady + OwnRecord::refresh_after / 2);
  out.emplace_back(
      SendToLink{id, peer::encode(make_hello(link.role(), facts.exporter, config.cluster, record, signing))});
}

void Core::Impl::on_link_message(LinkId id, LinkStream on, ByteView message, Now now, Effects& out) {
  Link* link = links.find(id);
  if (link == nullptr) return;  // closed in this very input's batch
  if (!link->pins) return process_message(id, on, message, now, out);
  // What does not depend on names need not wait for their look-up. It may be much, and is not.
  if (link->admitted && on == LinkStream::overlay) return process_message(id, on, message, now, out);
  if (link->held.size() >= limits::held_messages_max || link->held_bytes + message.size() > limits::held_bytes_max)
    return close_link(id, LinkCode::bad_message, "too many messages while the peer's names are looked up", now, out);
  link->held.push_back({on, Bytes{message.begin(), message.end()}});
  link->held_bytes += message.size();
}

void Core::Impl::process_message(LinkId id, LinkStream on, ByteView bytes, Now now, Effects& out) {
  Link& link = *links.find(id);
  auto message = peer::decode(bytes);
  if (!message) {
    if (message.error() == peer::MessageError::unknown_message && link.admitted) return;  // a newer daemon's
    ++refused_frames;
    return close_link(id, LinkCode::bad_message, std::string{peer::describe(message.error())}, now, out);
  }
  if (on != peer::stream_of(*message)) {
    ++refused_frames;
    return close_link(id, LinkCode::bad_message, "a message on the stream of others", now, out);
  }
  if (const auto* hello = std::get_if<peer::Hello>(&*message)) return on_hello(link, *hello, now, out);
  if (!link.admitted) return close_link(id, LinkCode::bad_message, "the first message is not a HELLO", now, out);
  if (on == LinkStream::overlay) return act_on(id, std::move(*message), now, out);
  if (const Bytes* record = record_in(*message); record != nullptr && !record->empty() && *record != link.record_bytes) {
    const Bytes copy = *record;
    return on_record(id, copy, std::move(*message), now, out);
  }
  act_on(id, std::move(*message), now, out);
}

void Core::Impl::on_hello(Link& link, const peer::Hello& hello, Now now, Effects& out) {
  const LinkId id = link.id;
  if (link.said_hello) return close_link(id, LinkCode::bad_message, "a second HELLO", now, out);
  auto record = check_hello(hello,
                            {.peer_key = link.facts.peer_key,
                             .peer_role = other(link.role()),
                             .exporter = link.facts.exporter,
                             .cluster = config.cluster,
                             .now = now.wall},
                            signing);
  if (!record) return close_link(id, record.error().code, std::string{record.error().text}, now, out);
  for (const LinkId another_id : links.of_key(link.facts.peer_key)) {
    const Link& another = *links.find(another_id);
    if (!another.admitted || another.record->body.epoch <= record->body.epoch) continue;
    // A daemon that was restarted does not come back from before its restart.
    if (strangers.may_cause_a_line(link.facts.peer_address, now.steady))
      say(out, Severity::warning, "identity.shared",
          "two daemons use the key " + signing.show(link.facts.peer_key) + ": one at " + another.facts.peer_address.text() +
              ", an older one at " + link.facts.peer_address.text() +
              "; the older one is refused. Give one of them a key of its own");
    return close_link(id, LinkCode::duplicate, "a daemon with the same key has started after this one", now, out);
  }
  link.said_hello = true;
  check_pins(link, std::move(*record), hello.record, std::nullopt, now, out);
}

void Core::Impl::on_record(LinkId id, const Bytes& bytes, peer::Message message, Now now, Effects& out) {
  Link& link = *links.find(id);
  auto record = verify_record(bytes, {link.facts.peer_key, config.cluster, now.wall}, signing);
  if (!record) return close_link(id, link_code(record.error()), std::string{describe(record.error())}, now, out);
  if (record->body.epoch != link.record->body.epoch)
    return close_link(id, LinkCode::bad_record, "the peer record is of another start of the daemon than the link", now, out);
  if (!is_newer(record->body, link.record->body)) return act_on(id, std::move(message), now, out);
  check_pins(link, std::move(*record), bytes, std::move(message), now, out);
}

void Core::Impl::act_on(LinkId id, peer::Message message, Now now, Effects& out) {
  Link& link = *links.find(id);
  if (auto* open = std::get_if<peer::ChannelOpen>(&message)) return on_channel_open(link, std::move(*open), now, out);
  if (const auto* opened = std::get_if<peer::ChannelOpened>(&message)) return on_channel_opened(link, *opened, now, out);
  if (const auto* refused = std::get_if<peer::ChannelRefused>(&message)) return on_channel_refused(link, *refused, now, out);
  if (const auto* cancel = std::get_if<peer::ChannelCancel>(&message)) return on_channel_cancel(link, *cancel, now, out);
  if (const auto* unused = std::get_if<peer::ChannelUnused>(&message)) return on_channel_unused(link, *unused, now, out);
  link.last_use = now.steady;
  if (const auto* membership = std::get_if<peer::Membership>(&message)) return on_membership(link, *membership, now, out);
  if (const auto* gossip = std::get_if<peer::Gossip>(&message)) return on_gossip(link, *gossip, now, out);
  if (const auto* held = std::get_if<peer::HeldDown>(&message))
    return suspicions.on_held_down(link.facts.peer_key, {{held->epoch, held->incarnation}}, now.steady, life_effects);
  if (std::holds_alternative<peer::RecordsWanted>(message)) return on_records_wanted(link, now, out);
  if (const auto* records = std::get_if<peer::Records>(&message)) return on_records(link, *records, now, out);
  if (std::holds_alternative<peer::ViewAsked>(message)) return on_view_asked(link, now, out);
  if (const auto* view = std::get_if<peer::View>(&message)) return on_view(link, *view, now, out);
  // A RecordUpdate's record has been dealt with.
}

}  // namespace bp2p
