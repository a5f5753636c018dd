#include "daemon/discovery/chain.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <unordered_map>

#include "daemon/clock.h"
#include "daemon/discovery/command.h"
#include "daemon/discovery/dns.h"
#include "daemon/discovery/own_files.h"
#include "daemon/discovery/static.h"
#include "daemon/discovery/workers.h"
#include "daemon/log.h"
#include "proto/wire/limits.h"

namespace bp2p {
namespace asio = boost::asio;
namespace {

constexpr Duration trouble_line_every = std::chrono::minutes{1};

}  // namespace

// Handlers hold it weakly: what answers after the chain is gone finds nothing.
struct DiscoveryChain::Impl : std::enable_shared_from_this<Impl> {
  /// One backend's part in a look-up.
  struct Asked {
    Backend backend{};
    std::optional<TimePoint> at = {};  ///< none: not yet
    bool has_answered = false;         ///< or is not waited for any more
    std::vector<Address> addresses = {};
  };
  struct LookUp {
    NodeName name;
    std::vector<Address> known;
    Done done;
    std::vector<Asked> asked;
    std::optional<TimePoint> knows_since = {};
    asio::steady_timer timer;
  };

  Impl(asio::io_context& context, const DiscoveryConfig& configured, const DiscoveryTimes& how_long,
       std::optional<Address> name_server)
      : io(context), config(configured), times(how_long), table(configured.static_table),
        dns_options{.default_port = configured.dns_port, .name_server = name_server} {
    // No threads for what nobody asks.
    for (const Backend backend : config.backends)
      if (backend == Backend::file || backend == Backend::dns || backend == Backend::command)
        workers[index(backend)].emplace(io, threads, pending_max);
    if (has(Backend::command)) hook = std::make_shared<CommandHook>(config.command, times.command);
  }
  ~Impl() {
    if (hook) hook->stop(Duration{0});  // the workers' end waits for it
  }

  static std::size_t index(Backend backend) { return static_cast<std::size_t>(backend); }
  bool has(Backend backend) const { return std::ranges::contains(config.backends, backend); }
  Duration patience(Backend backend) const {
    switch (backend) {
      case Backend::file: return times.file;
      case Backend::dns: return times.dns;
      // It ends by itself: killed, and then it has to be waited for.
      case Backend::command: return times.command + times.head_start;
      default: return Duration{0};
    }
  }

  void begin_publishing() {
    if (!has(Backend::file)) return;
    own_files.emplace(config.directory, [weak = weak_from_this(), &io = io](const std::string& text) {
      asio::post(io, [weak, text] {
        if (const auto self = weak.lock()) self->say(Backend::file, text);
      });
    });
  }

  void start(const NodeName& name, std::vector<Address> known, Done done) {
    if (look_ups.size() >= pending_max) {
      ++refused;
      // Held weakly too: no answer after the chain is gone.
      asio::post(io, [weak = weak_from_this(), done = std::move(done)] {
        if (weak.lock()) done({});
      });
      return;
    }
    const std::uint64_t id = ++last_id;
    std::vector<Asked> asked;
    for (const Backend backend : config.backends) asked.push_back({.backend = backend});
    look_ups.emplace(id, LookUp{.name = name, .known = std::move(known), .done = std::move(done), .asked = std::move(asked),
                                .timer = asio::steady_timer{io}});
    asio::post(io, [weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->advance(id);
    });
  }

  /// Asks whom it is time to ask, and answers when it is time to answer.
  void advance(std::uint64_t id) {
    const auto found = look_ups.find(id);
    if (found == look_ups.end()) return;
    LookUp& look_up = found->second;
    const TimePoint now = steady_now();
    TimePoint wake = never;
    bool is_waiting = false;  // for this backend or one before it
    bool knows = false;       // by backends that nobody is waited for before
    for (std::size_t i = 0; i < look_up.asked.size(); ++i) {
      Asked& one = look_up.asked[i];
      if (!one.at) {
        if (const Asked* before = i > 0 ? &look_up.asked[i - 1] : nullptr; before && !before->has_answered) {
          const TimePoint due = *before->at + times.head_start;
          if (now < due) {
            wake = std::min(wake, due);
            break;
          }
        }
        one.at = now;
        // A process for each link that is made would be dear where another backend knows.
        if (one.backend == Backend::command && knows) one.has_answered = true;
        else ask(id, look_up, i);
      }
      const TimePoint until = *one.at + patience(one.backend);
      if (now >= until) one.has_answered = true;
      if (!one.has_answered) wake = std::min(wake, until);
      is_waiting |= !one.has_answered;
      knows |= !is_waiting && !one.addresses.empty();
    }
    if (knows && !look_up.knows_since) look_up.knows_since = now;
    if (look_up.knows_since) wake = std::min(wake, *look_up.knows_since + times.rest);
    if (!is_waiting || wake <= now) return finish(id);
    look_up.timer.expires_after(wake - now);
    look_up.timer.async_wait([weak = weak_from_this(), id](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->advance(id);
    });
  }

  void ask(std::uint64_t id, LookUp& look_up, std::size_t i) {
    Asked& one = look_up.asked[i];
    const auto knows = [&](std::vector<Address> addresses) {
      one.addresses = std::move(addresses);
      one.has_answered = true;
    };
    switch (one.backend) {
      case Backend::static_table: return knows(table.find(look_up.name));
      case Backend::peers: return knows(look_up.known);
      case Backend::file:
        return run(id, i, [directory = config.directory, name = look_up.name] { return find_in_directory(directory, name); });
      case Backend::dns: {
        const std::string host{look_up.name.host()};
        if (const auto address = literal_host(host, config.dns_port)) return knows({*address});
        return run(id, i, [host, options = dns_options] { return Found{.addresses = find_by_dns(host, options), .trouble = {}}; });
      }
      case Backend::command:
        return run(id, i, [hook = hook, name = look_up.name] { return hook->find(name); });
    }
  }

  void run(std::uint64_t id, std::size_t i, Workers::Work work) {
    Asked& one = look_ups.at(id).asked[i];
    const bool has_room = workers[index(one.backend)]->run(std::move(work), [weak = weak_from_this(), id, i, backend = one.backend](Found found) {
      const auto self = weak.lock();
      if (!self) return;
      if (!found.trouble.empty()) self->say(backend, found.trouble);
      const auto entry = self->look_ups.find(id);
      if (entry == self->look_ups.end()) return;  // it has been answered without us
      Asked& asked = entry->second.asked[i];
      asked.addresses = std::move(found.addresses);
      asked.has_answered = true;
      self->advance(id);
    });
    if (has_room) return;
    ++refused;
    one.has_answered = true;
  }

  void finish(std::uint64_t id) {
    auto node = look_ups.extract(id);
    std::vector<Address> all;
    for (const Asked& one : node.mapped().asked)
      for (const Address& address : one.addresses)
        if (all.size() < limits::addresses_per_name_max && !std::ranges::contains(all, address)) all.push_back(address);
    node.mapped().done(std::move(all));
  }

  /// Names that are looked up again and again must not fill the log.
  void say(Backend backend, const std::string& text) {
    auto& last = said_at[index(backend)];
    const TimePoint now = steady_now();
    if (last && now - *last < trouble_line_every) return;
    last = now;
    if (backend == Backend::file) log::warning("discovery.file", text);
    else log::warning("discovery.command", text);
  }

  std::size_t under_way() const {
    std::size_t most = 0;
    for (const auto& each : workers)
      if (each) most = std::max(most, each->under_way());
    return most;
  }

  asio::io_context& io;
  const DiscoveryConfig config;
  const DiscoveryTimes times;
  StaticTable table;
  DnsOptions dns_options;
  std::shared_ptr<CommandHook> hook;
  Endpoint own;
  std::unordered_map<std::uint64_t, LookUp> look_ups;
  std::array<std::optional<TimePoint>, 5> said_at;
  std::uint64_t last_id = 0;
  std::uint64_t refused = 0;
  // Last, so that their threads end first.
  std::array<std::optional<Workers>, 5> workers;
  std::optional<OwnFiles> own_files;
};

DiscoveryChain::DiscoveryChain(asio::io_context& io, const DiscoveryConfig& config, const DiscoveryTimes& times,
                               std::optional<Address> name_server)
    : impl_(std::make_shared<Impl>(io, config, times, name_server)) {
  impl_->begin_publishing();
}
DiscoveryChain::~DiscoveryChain() = default;

void DiscoveryChain::resolve(const NodeName& name, std::vector<Address> known, Done done) {
  impl_->start(name, std::move(known), std::move(done));
}

void DiscoveryChain::set_own_endpoint(Endpoint endpoint) { impl_->own = std::move(endpoint); }

void DiscoveryChain::publish(const std::vector<NodeName>& names) {
  if (!impl_->own_files) return;
  OwnFiles::Wanted wanted;
  for (const NodeName& name : names)
    wanted.emplace(name, endpoint_text({impl_->own.host.empty() ? std::string{name.host()} : impl_->own.host, impl_->own.port}));
  impl_->own_files->set(std::move(wanted));
}

void DiscoveryChain::stop(Duration time) {
  if (impl_->hook) impl_->hook->stop(time);
  if (impl_->own_files) impl_->own_files->wait(time);
}

std::size_t DiscoveryChain::pending() const {
  const bool is_publishing = impl_->own_files && !impl_->own_files->wait(Duration{0});
  return std::max({impl_->look_ups.size(), impl_->under_way(), std::size_t{is_publishing ? 1u : 0u}});
}
std::uint64_t DiscoveryChain::refused() const { return impl_->refused; }

Endpoint own_endpoint(const std::vector<Address>& advertise, const std::vector<Address>& listening) {
  Address address = advertise.empty() ? listening.front() : advertise.front();
  address.scope = 0;  // another host numbers its interfaces otherwise
  const bool is_wildcard = address == Address{.port = address.port} ||
                           address.text() == "0.0.0.0:" + std::to_string(address.port);
  std::string text;
  if (!is_wildcard) {
    text = address.text();
    text.resize(text.rfind(':'));
    if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  }
  return {.host = std::move(text), .port = address.port};
}

}  // namespace bp2p
