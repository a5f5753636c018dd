// Somebody at an end of connections: a daemon, or a hostile peer that is played.
#pragma once
#include <cstdint>
#include <optional>

#include "proto/base/address.h"
#include "proto/base/bytes.h"
#include "proto/base/node_name.h"
#include "proto/core/core.h"

namespace bp2p::sim {

/// A step of the Erlang handshake on a channel's control stream, or its end (docs/wire.md 2.2).
struct RoadMessage {
  enum class Step : std::uint8_t { name, challenge, reply, ack, close } step;
  std::uint64_t channel = 0;
  std::optional<NodeName> name{};  ///< of the node that says it; with name and challenge
  std::uint32_t creation = 0;
};

class Party {
 public:
  Party(std::size_t party_number, Address address) : number(party_number), at(address) {}
  Party(const Party&) = delete;
  Party& operator=(const Party&) = delete;
  virtual ~Party() = default;

  virtual PublicKey key() const = 0;
  virtual bool is_hostile() const = 0;
  /// There is a process, whether it is stopped by SIGSTOP or not.
  virtual bool is_up() const = 0;
  virtual bool is_paused() const = 0;
  /// Which start of the process this is.
  virtual unsigned start() const = 0;

  virtual void on_link_opened(LinkId link, const LinkFacts& facts) = 0;
  virtual void on_link_message(LinkId link, LinkStream on, const Bytes& message) = 0;
  /// What waits on the overlay's stream has become little.
  virtual void on_link_backlog(LinkId, std::size_t) {}
  virtual void on_link_closed(LinkId link, const LinkEnd& why) = 0;
  virtual void on_dial_failed(DialId dial, DialError why) = 0;
  virtual void on_road(LinkId link, const RoadMessage& message) = 0;

  const std::size_t number;  ///< of daemons 1 …; hostile peers follow
  const Address at;
};

}  // namespace bp2p::sim
