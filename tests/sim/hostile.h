// A hostile peer: it has a key and an address of its own, and says what it likes. It can do what a stranger can, who
// has seen every HELLO that was ever said, and no more: TLS proves its own key, and it signs with that alone.
#pragma once
#include <map>
#include <string>

#include "proto/membership/contact.h"
#include "proto/trust/admission.h"
#include "tests/sim/party.h"
#include "tests/sim/signing.h"

namespace bp2p::sim {

class Host;
class World;

class Hostile final : public Party {
 public:
  Hostile(World& world, std::size_t party_number, Address address, std::uint64_t key_seed)
      : Party(party_number, address), world_(world), signing_(key_seed) {}

  /// `kind`: tests/sim/action.h.
  void attack(Host& victim, const std::string& kind);
  void leave();

  PublicKey key() const override { return signing_.own_key(); }
  bool is_hostile() const override { return true; }
  bool is_up() const override { return is_here_; }
  bool is_paused() const override { return false; }
  unsigned start() const override { return 1; }
  void on_link_opened(LinkId link, const LinkFacts& facts) override;
  void on_link_message(LinkId link, LinkStream on, const Bytes& message) override;
  void on_link_closed(LinkId link, const LinkEnd&) override { talks_.erase(link); }
  void on_dial_failed(DialId dial, DialError) override { dials_.erase(dial); }
  void on_road(LinkId, const RoadMessage&) override {}

 private:
  struct Talk {
    std::string kind;
    Role role;
    Exporter exporter;
    bool is_answered = false;  ///< the peer said HELLO
    bool is_neighbour = false;
    unsigned turns = 0;
    std::uint64_t broadcasts = 0;
  };
  NodeName own_name() const;
  WallTime wall() const;
  Bytes record(std::vector<NodeName> names, std::uint64_t number = 1) const;
  Bytes hello(const Talk& talk, std::vector<NodeName> names) const;
  void begin(LinkId link, Talk& talk);
  /// Once the peer's HELLO is there, which is as much as a stranger sees of its admission.
  void go_on(LinkId link, const std::string& kind);
  void say(LinkId link, Bytes message);
  /// What must end the link.
  void offend(LinkId link, Bytes message);
  void say_own_hello(LinkId link, const Talk& talk, std::vector<NodeName> names);
  void say_malformed(LinkId link, const Talk& talk);
  void say_oversized(LinkId link, const Talk& talk);
  void flood(LinkId link);
  NodeName any_name() const;

  // --- hostile_member.cc
  static bool is_of_a_member(std::string_view kind);
  void on_member_message(LinkId link, Talk& talk, const peer::Membership& message);
  void act_as_member(LinkId link);
  void lie(LinkId link);
  void say_garbage(LinkId link);
  void accuse(LinkId link, Talk& talk);
  void storm(LinkId link);
  void say_as_member(LinkId link, Bytes message);
  void offend_as_member(LinkId link, Bytes message);
  membership::ContactPtr contact(Bytes of_record) const;
  Bytes forged_record() const;
  Bytes encode_life(const Host& of) const;

  World& world_;
  SimSigning signing_;
  bool is_here_ = true;
  std::uint64_t last_dial_ = 0, last_number_ = 1;
  std::map<DialId, std::string> dials_;
  std::map<LinkId, Talk> talks_;
};

}  // namespace bp2p::sim
