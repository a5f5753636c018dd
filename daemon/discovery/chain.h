// Where is a node's daemon? The configured backends are asked, and what they know is put together in their order
// (docs/decisions/0006-discovery.md).
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/config_file.h"
#include "daemon/discovery/endpoint_file.h"
#include "proto/base/address.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

/// How long to wait for whom. What is no round figure of a person's patience has its source beside it.
struct DiscoveryTimes {
  /// A backend that has not answered by then is asked together with the next one. RFC 8305, "Connection Attempt Delay".
  Duration head_start = std::chrono::milliseconds{250};
  /// What is known waits so long for what the backends behind it may add. RFC 8305, "Resolution Delay".
  Duration rest = std::chrono::milliseconds{50};
  /// Then a backend counts as one that does not know.
  Duration file = std::chrono::seconds{1};
  Duration dns = std::chrono::seconds{3};
  Duration command = std::chrono::seconds{3};  ///< the program is killed
};

class DiscoveryChain {
 public:
  using Done = std::function<void(std::vector<Address>)>;
  /// An answer comes within it: two head starts, 3 s, and room for a busy machine. A node's DIAL has 7 s.
  static constexpr Duration budget = std::chrono::seconds{4};
  /// Look-ups under way at once; beyond it the answer is empty. The same for each backend that blocks.
  static constexpr std::size_t pending_max = 256;
  /// Threads of each backend that blocks.
  static constexpr std::size_t threads = 4;

  /// `name_server`: see DnsOptions.
  DiscoveryChain(boost::asio::io_context& io, const DiscoveryConfig& config, const DiscoveryTimes& times = {},
                 std::optional<Address> name_server = {});
  ~DiscoveryChain();

  /// Calls `done` once, never from within this call and within the budget; not at all once the chain is gone. At most
  /// limits::addresses_per_name_max, without duplicates, in the order in which to try them; empty: nobody knows the name.
  /// `known` is what the backend `peers` says.
  void resolve(const NodeName& name, std::vector<Address> known, Done done);

  /// Where our own nodes' files say that we are; before publish(). An empty host stands for the host part of each name.
  void set_own_endpoint(Endpoint endpoint);
  /// All names served here: their files in the shared directory, if there is one, are written, those of others removed.
  void publish(const std::vector<NodeName>& names);
  /// For the end of the process: kills the commands that run, and waits until they are gone, then until the files are as
  /// publish() said last; each at most `time`.
  void stop(Duration time);

  /// Look-ups under way, and those that a thread is still at although their time is over: while there are any, or files
  /// are still written, the destructor has to wait.
  std::size_t pending() const;
  std::uint64_t refused() const;  ///< for want of room

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// The first address that is told to peers, else the first one that is listened on; a wildcard has no host.
Endpoint own_endpoint(const std::vector<Address>& advertise, const std::vector<Address>& listening);

}  // namespace bp2p
