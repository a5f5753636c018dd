#include "daemon/discovery/chain.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <unordered_map>

#include "daemon/discovery/dns.h"
#include "daemon/discovery/static.h"

namespace bp2p {
namespace asio = boost::asio;

// Handlers hold it weakly: what answers after the chain is gone finds nothing.
struct DiscoveryChain::Impl : std::enable_shared_from_this<Impl> {
  /// One look-up. `backend` is the one asked now.
  struct Pending {
    NodeName name;
    Done done;
    std::size_t backend = 0;
    asio::steady_timer timer;
  };

  Impl(asio::io_context& context, const DiscoveryConfig& config, Duration budget)
      : io(context), time(budget), backends(config.backends), table(config.static_table), dns(context, config.dns_port),
        dns_port(config.dns_port) {}

  void start(const NodeName& name, Done done) {
    if (pending.size() >= pending_max) {
      ++refused;
      // Held weakly too: no answer after the chain is gone.
      asio::post(io, [weak = weak_from_this(), done = std::move(done)] {
        if (weak.lock()) done({});
      });
      return;
    }
    const std::uint64_t id = ++last_id;
    auto& one = pending.emplace(id, Pending{name, std::move(done), 0, asio::steady_timer{io, time}}).first->second;
    one.timer.async_wait([weak = weak_from_this(), id](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->finish(id, {});
    });
    asio::post(io, [weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->ask(id);
    });
  }

  /// Asks from the current backend on until one has to be waited for, or knows.
  void ask(std::uint64_t id) {
    const auto found = pending.find(id);
    if (found == pending.end()) return;  // ran out of time
    Pending& one = found->second;
    for (; one.backend < backends.size(); ++one.backend) {
      if (backends[one.backend] == Backend::static_table) {
        if (auto addresses = table.find(one.name); !addresses.empty()) return finish(id, std::move(addresses));
        continue;
      }
      const std::string host{one.name.host()};
      if (const auto address = literal_host(host, dns_port)) return finish(id, {*address});
      // A name server that does not answer holds the resolver's one thread up for longer than our time.
      if (dns.under_way() >= pending_max) {
        ++refused;
        continue;
      }
      ++one.backend;  // where to go on when this one does not know
      dns.resolve(host, [weak = weak_from_this(), id](std::vector<Address> addresses) {
        const auto self = weak.lock();
        if (!self) return;
        if (addresses.empty()) self->ask(id);
        else self->finish(id, std::move(addresses));
      });
      return;
    }
    finish(id, {});
  }

  void finish(std::uint64_t id, std::vector<Address> addresses) {
    auto node = pending.extract(id);
    if (!node) return;
    node.mapped().done(std::move(addresses));
  }

  asio::io_context& io;
  Duration time;
  std::vector<Backend> backends;
  StaticTable table;
  Dns dns;
  std::uint16_t dns_port;
  std::unordered_map<std::uint64_t, Pending> pending;
  std::uint64_t last_id = 0;
  std::uint64_t refused = 0;
};

DiscoveryChain::DiscoveryChain(asio::io_context& io, const DiscoveryConfig& config, Duration time)
    : impl_(std::make_shared<Impl>(io, config, time)) {}
DiscoveryChain::~DiscoveryChain() = default;

void DiscoveryChain::resolve(const NodeName& name, Done done) { impl_->start(name, std::move(done)); }
std::size_t DiscoveryChain::pending() const { return std::max(impl_->pending.size(), impl_->dns.under_way()); }
std::uint64_t DiscoveryChain::refused() const { return impl_->refused; }

}  // namespace bp2p
