// I3: no byte of a peer reaches a VM before admission; a stranger can mint no atom, no file, and only bounded memory.
#pragma once
#include <map>
#include <set>

#include "proto/wire/limits.h"
#include "tests/sim/checks/pin_ledger.h"
#include "tests/sim/world.h"

namespace bp2p::sim {

class BoundedStrangers final : public Check {
 public:
  using Check::Check;

  void on_effect(const Host& host, const Effect& effect) override {
    if (const auto* admit = std::get_if<AdmitLink>(&effect)) {
      admitted_.insert(admit->link);
      admitted_keys_.insert({host.number, keys_.at(admit->link)});
    }
    const auto* send = std::get_if<SendToSession>(&effect);
    if (send == nullptr) return;
    const auto frame = local::decode(send->frame);
    const auto* incoming = frame ? std::get_if<local::Incoming>(&*frame) : nullptr;
    if (incoming == nullptr || !incoming->from) return;
    const auto key = ledger_.find(host, *incoming->from);
    const bool is_admitted = key && admitted_keys_.contains({host.number, *key});
    const bool is_here = std::ranges::any_of(host.nodes, [&](const auto& node) { return node->name() == *incoming->from; });
    if (!is_admitted && !is_here && !unpinned_.contains({host.number, *incoming->from}))
      world_.violated("I3", "a node hears of " + incoming->from->text() + ", which no admitted link has proven");
  }

  void on_channel_started(const Host&, const StartChannel& channel) override {
    if (!admitted_.contains(channel.link)) world_.violated("I3", "a channel over a link that was not admitted");
  }

  void on_link_opened(const Host&, LinkId link, const LinkFacts& facts) override { keys_[link] = facts.peer_key; }
  void on_unpinned(const Host& host, const NodeName& name) override {
    ledger_.unpin(host, name);
    unpinned_.insert({host.number, name});
  }
  void on_state_lost(const Host& host) override { ledger_.forget(host); }

  void on_pins_stored(const Host& host, const StorePins& wanted, bool stored) override {
    if (stored) ledger_.store(host, wanted);
    std::size_t& files = files_[{host.number, host.start()}];
    files += wanted.names.size();
    const PinLimits& limits = world_.core_config().pin_limits;
    if (files > limits.first_contacts_per_hour + limits.further_names_per_hour)
      world_.violated("I3", "strangers have made " + std::to_string(files) + " pin files within the hour");
  }

  void on_second(const Host& host) override {
    const Status status = host.core()->status(host.now());
    const auto half_open = std::ranges::count_if(status.links, [](const LinkStatus& link) { return !link.admitted; });
    std::map<PublicKey, std::size_t> inbound;
    for (const LinkStatus& link : status.links)
      if (!link.dialled_here && ++inbound[link.key] > limits::links_per_key_max)
        return world_.violated("I3", "one key has more links than a key may have");
    if (status.links.size() > limits::links_max || static_cast<std::size_t>(half_open) > limits::links_half_open_max)
      world_.violated("I3", "more links than there may be");
    if (status.trying.size() > limits::redials_max) world_.violated("I3", "more names are dialled again than may be");
    if (status.sessions.size() > world_.core_config().sessions_max) world_.violated("I3", "more sessions than may be");
    for (const LinkStatus& link : status.links)
      if (!link.admitted && link.since > world_.core_config().hello_budget + 100ms)
        return world_.violated("I3", "a link without HELLO is kept for longer than its budget");
  }

 private:
  std::set<LinkId> admitted_;
  std::map<LinkId, PublicKey> keys_;
  std::set<std::pair<std::size_t, PublicKey>> admitted_keys_;
  PinLedger ledger_;
  std::set<std::pair<std::size_t, NodeName>> unpinned_;  ///< by an operator, while their links stood
  std::map<std::pair<std::size_t, unsigned>, std::size_t> files_;
};

}  // namespace bp2p::sim
