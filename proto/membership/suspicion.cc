#include "proto/membership/suspicion.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "proto/base/check.h"

namespace bp2p::membership {
namespace {

// A liar can claim any incarnation of its suspect. Claimed the last one there is, the suspect could not refute any more;
// so only steps are believed, too small to get there in any time. The suspect itself must follow where the others were
// led, and may have missed some of it: it believes larger ones.
constexpr std::uint64_t ahead_of_others = 1024;
constexpr std::uint64_t ahead_of_us = std::uint64_t{1} << 32;

/// What it has to be later than to be believed alive.
Life latest_suspected(const Suspicions::Member& member) {
  Life latest = member.life;
  for (const auto& each : member.witnesses) latest.incarnation = std::max(latest.incarnation, each.incarnation);
  return latest;
}


}  // namespace

Suspicions::Suspicions(const Config& config, const PublicKey& self, std::uint64_t epoch, Rng rng, TimePoint now)
    : config_(config),
      self_(self),
      own_{epoch, 0},
      rng_(rng),
      health_(config_, now),
      own_accusations_(config_.accusations_burst, config_.accusations_per_second),
      alive_at_(now),
      look_at_(now + jitter(config_.look_every)),
      repeat_all_at_(now) {
  BP2P_CHECK(config_.suspicion_max_factor > 0 && config_.members_max > 0);
}

// --- members

void Suspicions::on_member(const Contact& contact, TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  if (contact.key == self_) return;
  if (Entry* known = find(contact.key)) {
    if (contact.epoch > known->second.life.epoch) renew(*known, {contact.epoch, 0}, awake, out);
    return;
  }
  if (members_.size() >= config_.members_max && !forget_one_gone()) return void(++counters_.members_refused);
  members_.emplace(contact.key, Member{.life = {contact.epoch, 0},
                                       .accusations = {config_.accusations_burst, config_.accusations_per_second}});
  ++living_;
  out.emplace_back(MemberUp{contact.key});
}

void Suspicions::on_alive(const PublicKey& origin, const Alive& alive, TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  if (origin == self_) return;
  Entry* member = find(origin);
  if (!member) return void(++counters_.unknown);
  if (alive.life > member->second.life) renew(*member, alive.life, awake, out);
}

void Suspicions::on_leaving(const PublicKey& origin, const Leaving& leaving, TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  if (origin == self_) return;
  Entry* member = find(origin);
  if (!member) return void(++counters_.unknown);
  if (leaving.life < member->second.life || member->second.status == Status::left) return;
  member->second.life = leaving.life;
  go(*member, Gone::left, awake, out);
}

/// Its own later word, which ends whatever was said of the life before.
void Suspicions::renew(Entry& entry, Life life, TimePoint awake, LifeEffects& out) {
  Member& member = entry.second;
  const bool was_living = is_living(member), was_down = member.status == Status::down;
  const bool same_epoch = life.epoch == member.life.epoch;
  if (same_epoch) {
    std::erase_if(member.witnesses, [&](const Witness& each) { return each.incarnation < life.incarnation; });
    const bool still_ours = std::ranges::contains(member.witnesses, self_, &Witness::key);
    member.not_from_here |= member.ours && !still_ours;
    member.life = life;
    if (!member.witnesses.empty()) {  // they have suspected it again since, and were heard before it: that begins now
      member.ours = still_ours;
      member.since = awake;
      return arm(entry);
    }
  }
  member.not_from_here &= same_epoch;
  member.life = life;
  clear(entry, out);
  if (was_living) return;
  ++living_;
  out.emplace_back(MemberUp{entry.first});
  // It was alive all the time, cut off from us, and so may be others that we hold down.
  if (was_down && same_epoch) repeat_all_soon(awake);
}

void Suspicions::clear(Entry& entry, LifeEffects& out) {
  Member& member = entry.second;
  if (member.status == Status::suspected) {
    ++counters_.refuted;
    out.emplace_back(Cleared{entry.first});
  }
  member.status = Status::alive;
  member.ours = false;
  member.witnesses.clear();
  member.repeat_at = never;
  arm(entry);
}

void Suspicions::go(Entry& entry, Gone how, TimePoint awake, LifeEffects& out) {
  Member& member = entry.second;
  const bool was_living = is_living(member);
  if (how == Gone::failed) member.life = latest_suspected(member);
  member.status = how == Gone::left ? Status::left : Status::down;
  member.since = awake;
  member.probing = false;
  member.witnesses.clear();
  member.witnesses.shrink_to_fit();
  member.repeat_at = never;
  member.repeat_gap = config_.repeat_after;
  if (how == Gone::left) member.ours = false;
  if (member.ours) repeat_within(entry, config_.repeat_after, awake);
  arm(entry);
  if (!was_living) return;  // it was held down, and has left before that
  --living_;
  out.emplace_back(MemberDown{entry.first, how});
}

/// So that keys which came and went do not keep out new ones. The earliest that is due is nearly always the oldest.
bool Suspicions::forget_one_gone() {
  for (const auto& [when, key] : due_) {
    if (is_living(members_.at(key))) continue;
    forget(PublicKey{key});
    return true;
  }
  return false;
}

void Suspicions::forget(const PublicKey& key) {
  const auto found = members_.find(key);
  due_.erase({found->second.due, key});
  members_.erase(found);
}

// --- what we find out ourselves

void Suspicions::on_neighbour_lost(const PublicKey& key, TimePoint now, LifeEffects& out) {
  health_.awake(now);
  Entry* member = find(key);
  if (member && is_living(member->second)) probe(*member, out);
}

void Suspicions::probe(Entry& entry, LifeEffects& out) {
  if (!std::exchange(entry.second.probing, true)) out.emplace_back(Probe{entry.first});
}

void Suspicions::on_probe_ok(const PublicKey& key, TimePoint now, LifeEffects& out) { on_link_up(key, now, out); }

void Suspicions::on_probe_failed(const PublicKey& key, TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  Entry* entry = find(key);
  if (!entry || !std::exchange(entry->second.probing, false)) return;  // it has linked up with us in between
  if (!is_living(entry->second) || entry->second.ours) return;          // we knew
  accuse(*entry, {self_, entry->second.life.incarnation}, own_accusations_, awake, out);
  if (entry->second.ours) out.emplace_back(Broadcast{Suspicion{key, entry->second.life}});  // else others have said enough
}

/// Who is suspected is cleared for us; but the others wait for its own word, and so do we with one whom we all hold down.
void Suspicions::on_link_up(const PublicKey& key, TimePoint now, LifeEffects& out) {
  health_.awake(now);
  Entry* entry = find(key);
  if (!entry) return;
  Member& member = entry->second;
  member.probing = false;
  member.not_from_here = false;
  if (member.status == Status::suspected || member.status == Status::down) out.emplace_back(Tell{key, HeldDown{latest_suspected(member)}});
  if (member.status == Status::suspected) clear(*entry, out);
}

void Suspicions::look_at_any(TimePoint awake, LifeEffects& out) {
  look_at_ = awake + config_.look_every / 2 + jitter(config_.look_every);
  if (members_.empty()) return;
  const auto chosen = std::next(members_.begin(), static_cast<std::ptrdiff_t>(rng_.below(members_.size())));
  if (chosen->second.status != Status::left && !chosen->second.not_from_here) probe(*chosen, out);
}

// --- suspicions

bool Suspicions::is_credible(Life life, Life known, std::uint64_t ahead_max) {
  if (life < known) return ++counters_.stale, false;
  // Of a newer epoch there is a record, which has to come first; the witness will say it again.
  if (life.epoch > known.epoch || life.incarnation - known.incarnation > ahead_max) return ++counters_.ahead, false;
  return true;
}

void Suspicions::on_suspicion(const PublicKey& origin, const Suspicion& suspicion, TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  if (origin == self_) return;
  Entry* witness = find(origin);
  if (suspicion.suspect == self_) {
    // Refuted whoever says it, and however often: the others may believe it.
    if (!defend(origin, suspicion.life, awake, out)) return;
    // Lifeguard: who is suspected may be slow. But nobody shall make us slow in judging by saying so again and again.
    if (witness && witness->second.accusations.take(awake)) health_.worsen();
    return;
  }
  Entry* suspect = find(suspicion.suspect);
  // The dead accuse nobody: what one said long ago may come late, when the suspect, who is newer, does not get it at all.
  if (!suspect || !witness || !is_living(witness->second)) return void(++counters_.unknown);
  if (!is_credible(suspicion.life, suspect->second.life, ahead_of_others)) return;
  accuse(*suspect, {origin, suspicion.life.incarnation}, witness->second.accusations, awake, out);
}

/// A claim of a later life counts like any other. It does not begin a new suspicion: that a daemon has refuted an earlier
/// one is for itself to say; else a liar could put off a death for ever.
void Suspicions::accuse(Entry& entry, Witness witness, TokenBucket& allowed, TimePoint awake, LifeEffects& out) {
  Member& member = entry.second;
  if (member.status == Status::left) return;
  if (member.status == Status::down) {
    member.life.incarnation = std::max(member.life.incarnation, witness.incarnation);
    // All hear it now, whoever says it: we need not.
    if (member.ours) repeat_within(entry, member.repeat_gap, awake + member.repeat_gap);
    return;
  }
  auto place = std::ranges::find(member.witnesses, witness.key, &Witness::key);
  if (place == member.witnesses.end() && member.witnesses.size() > config_.suspicion_confirmations)
    place = std::ranges::min_element(member.witnesses, {}, &Witness::incarnation);
  if (place != member.witnesses.end() && place->incarnation >= witness.incarnation) return;  // no news
  if (!allowed.take(awake)) return void(++counters_.over_rate);
  if (member.status == Status::alive) {
    member.status = Status::suspected;
    member.since = awake;
    out.emplace_back(Suspected{entry.first, witness.key});
  }
  if (place == member.witnesses.end()) member.witnesses.push_back(witness);
  else *place = witness;
  member.ours = std::ranges::contains(member.witnesses, self_, &Witness::key);
  arm(entry);
}

bool Suspicions::defend(const PublicKey& witness, Life life, TimePoint awake, LifeEffects& out) {
  if (life.epoch == own_.epoch && life < own_) return say_alive_again(awake, out), false;
  if (!is_credible(life, own_, ahead_of_us)) return false;
  own_.incarnation = life.incarnation + 1;
  if (!std::exchange(alive_unsaid_, true)) out.emplace_back(Suspected{self_, witness});
  say_alive(awake, out);
  return true;
}

/// A hostile peer can say this for nothing, and costs us a broadcast: it is allowed as many as accusations.
void Suspicions::on_held_down(const PublicKey& from, const HeldDown& held, TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  Entry* peer = find(from);
  if (!peer) return void(++counters_.unknown);
  if (held.life.epoch < own_.epoch) return void(++counters_.stale);  // our record is on its way to it
  if (!peer->second.accusations.take(awake)) return void(++counters_.over_rate);
  defend(from, held.life, awake, out);
}

void Suspicions::come_in(TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  ++own_.incarnation;
  alive_unsaid_ = true;
  say_alive(awake, out);
}

void Suspicions::say_alive(TimePoint awake, LifeEffects& out) {
  if (!alive_unsaid_ || awake < alive_at_) return;
  alive_unsaid_ = false;
  alive_at_ = awake + config_.alive_gap;
  out.emplace_back(Broadcast{Alive{own_}});
}

/// We have refuted that, and who says it nevertheless may be new and have missed it: nobody else would tell it. Unless we
/// have just said so; then it is on its way.
void Suspicions::say_alive_again(TimePoint awake, LifeEffects& out) {
  ++counters_.stale;
  if (awake < alive_at_) return;
  alive_unsaid_ = true;
  say_alive(awake, out);
}

Duration Suspicions::suspicion_time(std::size_t witnesses) const {
  // Gossip needs a time that grows with the logarithm of the members (SWIM, section 4.2).
  const double least = static_cast<double>(config_.suspicion_min.count()) * std::max(1.0, std::log10(static_cast<double>(living_)));
  const double most = least * config_.suspicion_max_factor;
  // Of two other witnesses nobody can ask three. The suspect and the first witness are none.
  const std::size_t wanted = std::min<std::size_t>(config_.suspicion_confirmations, living_ > 2 ? living_ - 2 : 0);
  const std::size_t further = std::min(witnesses > 0 ? witnesses - 1 : 0, wanted);
  const double share = wanted == 0 ? 1 : std::log1p(static_cast<double>(further)) / std::log1p(static_cast<double>(wanted));
  // Whole milliseconds: the last bit of a logarithm is not the same everywhere, and runs must be (I23).
  const double ms = (most - share * (most - least)) * health_.multiplier() / 1e6;
  return std::chrono::milliseconds{std::llround(ms)};
}

// --- time

void Suspicions::on_heard(const PublicKey& origin, TimePoint now) {
  const TimePoint awake = health_.awake(now);
  Entry* entry = find(origin);
  if (!entry || entry->second.status != Status::down) return;
  // It may be an old word that was long on its way. One that lives has been told by its neighbours, and refutes anyway;
  // if not, one of us is enough, as the others hear that. What was just said, and will be soon, is not said sooner.
  Member& member = entry->second;
  member.ours = true;
  if (member.repeat_at <= awake + 3 * config_.repeat_after) return;
  member.repeat_gap = config_.repeat_after;
  repeat_within(*entry, config_.repeat_after, awake);
}

void Suspicions::repeat_within(Entry& member, Duration within, TimePoint awake) {
  member.second.repeat_at = awake + jitter(within);
  arm(member);
}

void Suspicions::repeat_all_soon(TimePoint awake) {
  if (awake < repeat_all_at_) return;
  repeat_all_at_ = awake + config_.repeat_after;
  for (Entry& each : members_)
    if (each.second.ours && each.second.status == Status::down) {
      each.second.repeat_gap = config_.repeat_after;
      repeat_within(each, config_.suspicion_min, awake);
    }
}

void Suspicions::arm(Entry& entry) {
  auto& [key, member] = entry;
  if (member.due != never) due_.erase({member.due, key});
  switch (member.status) {
    case Status::alive: member.due = never; break;
    case Status::suspected: member.due = member.since + suspicion_time(member.witnesses.size()); break;
    case Status::down:
    case Status::left: member.due = std::min(member.repeat_at, member.since + config_.forget_after); break;
  }
  if (member.due != never) due_.emplace(member.due, key);
}

void Suspicions::on_due(Entry& entry, TimePoint awake, LifeEffects& out) {
  Member& member = entry.second;
  if (member.status == Status::suspected) {
    arm(entry);  // we may have become worse since, and have to wait for longer
    if (awake < member.due) return;
    ++counters_.confirmed;
    return go(entry, Gone::failed, awake, out);
  }
  if (awake >= member.since + config_.forget_after) return forget(PublicKey{entry.first});
  out.emplace_back(Broadcast{Suspicion{entry.first, member.life}});
  member.repeat_gap *= 2;
  repeat_within(entry, member.repeat_gap, awake + member.repeat_gap / 2);
}

void Suspicions::on_time(TimePoint now, LifeEffects& out) {
  const TimePoint awake = health_.awake(now);
  while (!due_.empty() && due_.begin()->first <= awake) on_due(*find(due_.begin()->second), awake, out);
  say_alive(awake, out);
  if (awake >= look_at_) look_at_any(awake, out);
}

TimePoint Suspicions::next_deadline() const {
  TimePoint next = look_at_;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  if (alive_unsaid_) next = std::min(next, alive_at_);
  return std::min(health_.as_steady(next), health_.next_tick());
}

Suspicions::Entry* Suspicions::find(const PublicKey& key) {
  const auto found = members_.find(key);
  return found == members_.end() ? nullptr : &*found;
}

std::optional<Suspicions::Status> Suspicions::status(const PublicKey& key) const {
  const auto found = members_.find(key);
  return found == members_.end() ? std::nullopt : std::optional{found->second.status};
}

SuspicionCounters Suspicions::counters() const {
  SuspicionCounters all = counters_;
  all.times_late = health_.times_late();
  return all;
}

Duration Suspicions::jitter(Duration below) {
  return below.count() <= 0 ? Duration{0} : Duration{static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(below.count())))};
}

}  // namespace bp2p::membership
