#include "proto/core/core.h"

#include "proto/base/check.h"
#include "proto/core/impl.h"

namespace bp2p {

std::string clean(std::string_view text) {
  std::string out{text.substr(0, 200)};
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

std::string shown(const std::optional<NodeName>& name) { return name ? name->text() : "a node without a name"; }

Core::Impl::Impl(CoreConfig core_config, const Signing& core_signing, Secrets& core_secrets, Rng core_rng, Now now)
    : config(std::move(core_config)),
      signing(core_signing),
      secrets(core_secrets),
      rng(core_rng),
      started(now.steady),
      wall_of_steady(wall_of(now)),
      links(core_signing.own_key()),
      own(config.cluster, config.boot_epoch, config.advertise, core_signing),
      pin_budget(config.pin_limits),
      contacts(config.cluster, core_signing),
      hyparview(config.membership, own_contact(now), saved_book(now), rng.split(), now.steady),
      suspicions(config.membership, core_signing.own_key(), config.boot_epoch, rng.split(), now.steady),
      plumtree(config.gossip, {core_signing.own_key(), config.boot_epoch},
               [this](const gossip::OriginId& origin, std::uint64_t number, ByteView payload) {
                 return verify_broadcast({config.cluster, origin.epoch, number}, origin.key, payload, signing);
               }) {
  if (!config.contacts.empty()) deadlines.set({Deadlines::Of::join, 0}, now.steady);
  deadlines.set({Deadlines::Of::overlay, 0}, hyparview.next_deadline());
}

membership::AddressBook Core::Impl::saved_book(Now now) const {
  membership::AddressBook book{config.membership.book_size, config.membership.lost_kept};
  book.restore(config.book, now);
  return book;
}

void Core::Impl::settle(Now now, Effects& out) {
  watch_clock(now, out);
  // A step can only ask, dial or refuse; none makes a link. A leg that is refused may leave others to be stepped.
  do {
    if (std::exchange(crawl_may_move, false)) advance_crawl(now, out);
    while (std::exchange(searches_may_move, false)) advance_all(now, out);
    pump(now, out);
  } while (searches_may_move || crawl_may_move);
  if (std::exchange(dials_may_be_unwanted, false)) cancel_unwanted_dials(out);
  prompted_by.reset();
}

void Core::Impl::on_time(Now now, Effects& out) {
  while (const auto due = deadlines.pop_due(now.steady)) {
    switch (due->of) {
      case Deadlines::Of::session: {
        const SessionId id{due->id};
        if (sessions.find_as<Fresh>(id) != nullptr) {
          refuse(id, RefuseCode::timed_out, "nothing was said within the time allowed", now, out);
          break;
        }
        const auto* waiting = sessions.find_as<DialLeg>(id);
        BP2P_CHECK(waiting != nullptr);  // sessions and channels have no deadline
        if (now.steady < waiting->deadline) {
          advance_dial(id, now, out);
          break;
        }
        note_silence(waiting->search, now);
        const std::string& tried = waiting->search.tried;
        const bool is_trust = waiting->search.code == RefuseCode::not_trusted;
        refuse(id, is_trust ? RefuseCode::not_trusted : RefuseCode::timed_out,
               tried.empty() ? "no answer within the time allowed" : "no answer within the time allowed; " + tried, now, out);
        break;
      }
      case Deadlines::Of::incoming:
        refuse_incoming(IncomingId{due->id}, RefuseCode::not_listening, "the node did not accept in time", now, out);
        break;
      case Deadlines::Of::hello:
        close_link(LinkId{due->id}, LinkCode::hello_timeout, "no accepted HELLO in time", now, out);
        break;
      case Deadlines::Of::redial: {
        const RedialId id{due->id};
        Redial& redial = redials.at(id);
        if (now.steady >= redial.until) {
          say(out, Severity::info, "redial.given_up",
              redial.name.text() + " is not dialled any more: nobody here has asked for it for a while (last: " +
                  redial.last_error + ")");
          end_redial(NodeName{redial.name});
        } else if (!redial.search) {
          redial.search.emplace(redial.name);
          redial.search_deadline = now.steady + config.dial_budget;
          advance_redial(id, now, out);
        } else if (now.steady >= redial.search_deadline) {
          note_silence(*redial.search, now);
          schedule_redial(id, redial.search->tried.empty() ? "no answer" : redial.search->tried, now);
        } else {
          advance_redial(id, now, out);
        }
        break;
      }
      case Deadlines::Of::pins:
        look_at_pins_again(now, out);
        break;
      case Deadlines::Of::own_record:
        for (auto& [id, link] : links.all())
          if (link.admitted) send_record(link, now, out);
        if (is_joined) announce_ourselves(now);
        if (is_joined || links.size() > 0)
          deadlines.set_if_none({Deadlines::Of::own_record, 0}, now.steady + OwnRecord::refresh_after / 2);
        break;
      case Deadlines::Of::reach: {
        const ReachId id{due->id};
        if (now.steady < reaches.at(id).deadline) {
          advance_reach(id, now, out);
          break;
        }
        note_silence(reaches.at(id).search, now);
        reach_failed(id, now, out);
        break;
      }
      case Deadlines::Of::join:
        join_contacts(now, out);
        break;
      case Deadlines::Of::overlay:
        hyparview.on_time(now.steady, membership_effects);
        break;
      case Deadlines::Of::life:
        suspicions.on_time(now.steady, life_effects);
        break;
      case Deadlines::Of::gossip:
        plumtree.on_time(now.steady, gossip_effects);
        break;
      case Deadlines::Of::sweep:
        sweep_links(now, out);
        break;
      case Deadlines::Of::reaping:
        look_at_channels(SessionId{due->id}, now, out);
        break;
      case Deadlines::Of::crawl:
        if (crawl) advance_crawl(now, out);
        else begin_crawl(now, out);
        break;
    }
  }
}

void Core::Impl::on_addresses(std::vector<Address> addresses, Now now, Effects& out) {
  if (own.set_addresses(std::move(addresses)) && !stopping) own_record_changed(now, out);
}

void Core::Impl::own_record_changed(Now now, Effects& out) {
  announce_ourselves(now);
  for (auto& [id, link] : links.all())
    if (link.admitted) send_record(link, now, out);
}

void Core::Impl::on_stop(Now now, Effects& out) {
  leave_cluster(now, out);
  stopping = true;
  if (crawl) end_crawl(now, out);  // with what is known by now
  std::vector<SessionId> open;
  for (const auto& [id, connection] : sessions.all())
    if (!std::holds_alternative<ChannelLeg>(connection.is)) open.push_back(id);
  for (const SessionId id : open)
    if (sessions.find(id) != nullptr) refuse(id, RefuseCode::shutting_down, "the daemon is stopping", now, out);
  while (!redials.empty()) end_redial(NodeName{redials.begin()->second.name});
}

// --- the inputs -------------------------------------------------------------------------------------

Core::Core(CoreConfig config, const Signing& signing, Secrets& secrets, Rng rng, Now now)
    : impl_(std::make_unique<Impl>(std::move(config), signing, secrets, rng, now)) {}
Core::~Core() = default;

void Core::on_link_opened(LinkId link, const LinkFacts& facts, Now now, Effects& out) {
  impl_->on_link_opened(link, facts, now, out);
  impl_->settle(now, out);
}
void Core::on_link_message(LinkId link, LinkStream on, ByteView message, Now now, Effects& out) {
  impl_->on_link_message(link, on, message, now, out);
  impl_->settle(now, out);
}
void Core::on_link_closed(LinkId link, const LinkEnd& why, Now now, Effects& out) {
  impl_->on_link_closed(link, why, now, out);
  impl_->settle(now, out);
}
void Core::on_dial_failed(DialId dial, DialError why, Now now, Effects& out) {
  impl_->on_dial_failed(dial, why, now, out);
  impl_->settle(now, out);
}
void Core::on_link_backlog(LinkId link, std::size_t bytes, Now now, Effects& out) {
  impl_->on_link_backlog(link, bytes, now, out);
  impl_->settle(now, out);
}
void Core::on_join(const JoinTarget& contact, Now now, Effects& out) {
  impl_->join(contact, now, out);
  impl_->settle(now, out);
}
void Core::on_leave(Now now, Effects& out) {
  impl_->leave_cluster(now, out);
  impl_->settle(now, out);
}
void Core::on_addresses(std::vector<Address> addresses, Now now, Effects& out) {
  impl_->on_addresses(std::move(addresses), now, out);
  impl_->settle(now, out);
}
void Core::on_crawl(Now now, Effects& out) {
  impl_->begin_crawl(now, out);
  impl_->settle(now, out);
}
void Core::on_resolved(ResolveId resolve, std::vector<Address> addresses, Now now, Effects& out) {
  impl_->on_resolved(resolve, std::move(addresses), now, out);
  impl_->settle(now, out);
}
void Core::on_pins_read(LinkId link, PinReads reads, Now now, Effects& out) {
  impl_->on_pins_read(link, std::move(reads), now, out);
  impl_->settle(now, out);
}
void Core::on_pins_stored(LinkId link, bool stored, Now now, Effects& out) {
  impl_->on_pins_stored(link, stored, now, out);
  impl_->settle(now, out);
}
void Core::on_session_opened(SessionId session, const Credentials& who, Now now, Effects& out) {
  impl_->on_session_opened(session, who, now, out);
  impl_->settle(now, out);
}
void Core::on_session_frame(SessionId session, ByteView frame, Now now, Effects& out) {
  impl_->on_session_frame(session, frame, now, out);
  impl_->settle(now, out);
}
void Core::on_session_overflow(SessionId session, std::uint64_t length, Now now, Effects& out) {
  impl_->on_session_overflow(session, length, now, out);
  impl_->settle(now, out);
}
void Core::on_session_closed(SessionId session, Now now, Effects& out) {
  impl_->on_session_closed(session, now, out);
  impl_->settle(now, out);
}
void Core::on_channel_closed(SessionId leg, Now now, Effects& out) {
  impl_->on_channel_closed(leg, now, out);
  impl_->settle(now, out);
}
void Core::on_node_named(SessionId leg, const NodeName& name, Now now, Effects& out) {
  impl_->on_node_named(leg, name, now, out);
  impl_->settle(now, out);
}
void Core::on_channels_looked_at(SessionId session, const std::vector<ChannelUse>& uses, Now now, Effects& out) {
  impl_->on_channels_looked_at(session, uses, now, out);
  impl_->settle(now, out);
}
void Core::on_time(Now now, Effects& out) {
  impl_->on_time(now, out);
  impl_->settle(now, out);
}
TimePoint Core::next_deadline() const { return impl_->deadlines.next(); }
void Core::on_stop(Now now, Effects& out) {
  impl_->on_stop(now, out);
  impl_->settle(now, out);
}
Status Core::status(Now now) const { return impl_->status(now); }
std::vector<MemberStatus> Core::members() const { return impl_->members(); }
std::optional<PeerStatus> Core::peer(std::string_view whom, Now now) const { return impl_->peer(whom, now); }
const membership::HyParView& Core::overlay() const { return impl_->hyparview; }
const membership::Suspicions& Core::lives() const { return impl_->suspicions; }
const gossip::Plumtree& Core::broadcasts() const { return impl_->plumtree; }
std::vector<membership::SavedContact> Core::address_book(Now now) const { return impl_->hyparview.book().snapshot(now); }
membership::ContactPtr Core::read_saved(ByteView record, std::string_view cluster, const Signing& signing) {
  const auto verified = verify_record(record, {std::nullopt, cluster, std::nullopt}, signing);
  if (!verified) return nullptr;
  return contact_from(*verified, Bytes{record.begin(), record.end()});
}

}  // namespace bp2p
