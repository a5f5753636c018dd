#include "daemon/discovery/workers.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace bp2p {
namespace asio = boost::asio;

Workers::~Workers() {
  pool_.stop();
  pool_.join();
}

bool Workers::run(Work work, Done done) {
  if (*under_way_ >= jobs_max_) return false;
  ++*under_way_;
  asio::post(pool_, [&io = io_, guard = asio::make_work_guard(io_), under_way = under_way_, work = std::move(work),
                     done = std::move(done)]() mutable {
    asio::post(io, [under_way = std::move(under_way), done = std::move(done), found = work()]() mutable {
      --*under_way;
      done(std::move(found));
    });
  });
  return true;
}

}  // namespace bp2p
