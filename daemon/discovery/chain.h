// Where is a node's daemon? The configured backends are asked in order; the first that knows answers.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "daemon/config_file.h"
#include "proto/base/address.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"

namespace bp2p {

class DiscoveryChain {
 public:
  using Done = std::function<void(std::vector<Address>)>;
  static constexpr Duration budget = std::chrono::seconds{3};
  /// Look-ups under way at once, and of these in the resolver; beyond it the answer is empty.
  static constexpr std::size_t pending_max = 256;

  DiscoveryChain(boost::asio::io_context& io, const DiscoveryConfig& config, Duration time = budget);
  ~DiscoveryChain();

  /// Calls `done` once, never from within this call and within the budget; not at all once the chain is gone.
  /// Empty: no backend knows the name.
  void resolve(const NodeName& name, Done done);

  /// Look-ups under way, and those that the resolver is still at although their time is over: while there are any, the
  /// end of the io_context may have to wait for it.
  std::size_t pending() const;
  std::uint64_t refused() const;  ///< for want of room

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bp2p
