// Once all faults are over and the deadline has passed, the members that a daemon knows are those that live, and no
// others: what I12 and I24 rest on.
#pragma once
#include "proto/membership/suspicion.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class Members final : public Check {
 public:
  using Check::Check;

  void on_deadline() override {
    std::map<PublicKey, std::size_t> living;
    for (const auto& host : world_.hosts)
      if (host->is_up()) living.emplace(host->key(), host->number);
    for (const auto& host : world_.hosts) {
      if (!host->is_up()) continue;
      const auto& lives = host->core()->lives();
      const std::string who = "daemon " + std::to_string(host->number);
      for (const auto& [key, number] : living)
        if (number != host->number && !lives.is_living(key) && !missed_a_refutation(lives, world_.host(number)))
          return world_.violated("members", who + " does not know that daemon " + std::to_string(number) + " lives: " + shown(lives.status(key)));
      for (const auto& [key, member] : lives.members()) {
        if (!membership::Suspicions::is_living(member) || living.contains(key)) continue;
        // A daemon that was late itself waits for up to nine times as long before it believes that another is gone.
        if (member.status == membership::Suspicions::Status::suspected) continue;
        // Who was in turn let go by all and then died is found by chance alone (Config::look_every).
        const std::size_t number = number_of(world_, key);
        if (number > world_.hosts.size()) continue;
        // The same when an old word of it that was long on its way brings it back once more.
        if (number == 0 && !world_.scenario().is_strict) continue;
        return world_.violated("members", who + " holds somebody for living who is gone: " +
                                              (number == 0 ? std::string{"a key that was lost"} :  "daemon " + std::to_string(number)));
      }
    }
  }

 private:
  /// Known, cured for the most part (refuted_before.txt is strict): who missed that a suspicion was refuted is never told again.
  bool missed_a_refutation(const membership::Suspicions& lives, const Host& of) const {
    const auto found = lives.members().find(of.key());
    const membership::Life own = of.core()->lives().own_life();
    return !world_.scenario().is_strict && found != lives.members().end() && found->second.status == membership::Suspicions::Status::down &&
           found->second.life.epoch == own.epoch && found->second.life.incarnation < own.incarnation;
  }
  static std::string shown(std::optional<membership::Suspicions::Status> status) {
    using Status = membership::Suspicions::Status;
    if (!status) return "it never heard of it";
    switch (*status) {
      case Status::alive: return "alive";
      case Status::suspected: return "suspected";
      case Status::down: return "it holds it for down";
      case Status::left: return "it holds it for one that left";
    }
    return "";
  }
};

}  // namespace bp2p::sim
