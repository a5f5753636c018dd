// A few threads for what blocks: name servers, shared directories, commands. Each backend has its own, so that one that
// hangs does not hold up the others.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <functional>
#include <memory>

#include "daemon/discovery/found.h"

namespace bp2p {

class Workers {
 public:
  using Work = std::function<Found()>;
  using Done = std::function<void(Found)>;

  /// `jobs_max`: running and waiting ones together.
  Workers(boost::asio::io_context& io, std::size_t threads, std::size_t jobs_max)
      : io_(io), jobs_max_(jobs_max), pool_(threads) {}
  /// Waits for what runs; what has not begun never does, and nobody hears of either.
  ~Workers();

  /// Runs `work` on one of the threads, then `done` on the io_context's. False: there is no room.
  bool run(Work work, Done done);
  /// Jobs whose `done` has not run.
  std::size_t under_way() const { return *under_way_; }

 private:
  boost::asio::io_context& io_;
  std::size_t jobs_max_;
  std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);  // the io_context's thread's; may outlive us
  boost::asio::thread_pool pool_;
};

}  // namespace bp2p
