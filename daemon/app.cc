#include "daemon/app.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "daemon/beam/links.h"
#include "daemon/beam/node_server.h"
#include "daemon/clock.h"
#include "daemon/control/cluster_view.h"
#include "daemon/control/overlay_view.h"
#include "daemon/control/recent_events.h"
#include "daemon/control/server.h"
#include "daemon/control/status_view.h"
#include "daemon/core_driver.h"
#include "daemon/crypto.h"
#include "daemon/discovery/chain.h"
#include "daemon/entropy.h"
#include "daemon/files/address_book_file.h"
#include "daemon/files/address_book_writer.h"
#include "daemon/files/boot_epoch.h"
#include "daemon/files/identity.h"
#include "daemon/files/reset_key.h"
#include "daemon/files/state_lock.h"
#include "daemon/files/trusted_keys.h"
#include "daemon/log.h"
#include "daemon/net/host_addresses.h"
#include "daemon/quic/endpoint.h"
#include "daemon/quic/tls.h"
#include "daemon/systemd.h"

namespace bp2p {
namespace {

void or_stop(std::expected<void, FileError> result) {
  if (!result) throw std::runtime_error(result.error().text);
}

template <class T>
T or_stop(std::expected<T, FileError> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

/// Makes the directory when it is not there, but not the way to it: a mistyped one would be a new daemon.
StateLock lock_directory(const std::filesystem::path& directory, StateLock::Of of) {
  or_stop(require_parent(directory));
  or_stop(make_private_directory(directory, 0700));
  return or_stop(StateLock::take(directory, of));
}

quic::Endpoint::Options endpoint_options(const Config& config) {
  const TransportConfig& t = config.transport;
  quic::Endpoint::Options out;
  out.listen = config.host.listen;
  out.socket = {.receive_buffer = t.udp_rcvbuf,
                .send_buffer = t.udp_sndbuf,
                .gso = t.gso == Offload::automatic,
                .gro = t.gro == Offload::automatic};
  out.transport = {.congestion = t.congestion == Congestion::bbr ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC,
                   .idle_timeout = t.idle_timeout,
                   .keep_alive = t.keep_alive,
                   .admission_budget = std::chrono::seconds{5},
                   .max_udp_payload = t.max_udp_payload.value_or(0),
                   .stream_window = config.dist.lane_window,
                   .connection_window = t.udp_rcvbuf};
  out.gate = {.half_open_max = t.half_open_max,
              .retry_above = t.retry_above,
              .handshakes_per_second = t.handshakes_per_second,
              .links_max = t.max_links};
  return out;
}

DistPipe::Options pipe_options(const Config& config) {
  return {.rule = config.dist.lanes,
          .lanes = config.dist.streams,
          .unacknowledged_max = config.dist.channel_buffer,
          .frame_max = static_cast<std::uint32_t>(config.dist.max_frame)};
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

class App {
 public:
  explicit App(const RunOptions& options)
      : config_(options.config),
        lock_(lock_directory(config_.host.state_dir, StateLock::Of::state_dir)),
        identity_lock_(lock_directory(config_.key_dir(), StateLock::Of::key_dir)),
        keys_(or_stop(load_or_make_identity(config_.key_dir()))),
        pins_(or_stop(TrustedKeys::open(config_.key_dir()))),
        reset_key_(or_stop(load_or_make_reset_key(config_.host.state_dir))),
        signing_(keys_),
        tls_(keys_.seed()),
        discovery_(io_, config_.discovery),
        rng_(random_seed()),
        started_(steady_now()) {
    // The links need the endpoint and the driver needs both; the core comes first, but knows the port only after
    // the endpoint has it. So the circle is closed at the end.
    auto late_listener = std::make_unique<Forward>();
    Forward& forward = *late_listener;
    forward_ = std::move(late_listener);
    links_ = std::make_unique<Links>(forward, gossip::Config{}.backlog_bytes_max / 2);
    endpoint_ = std::make_unique<quic::Endpoint>(io_, endpoint_options(config_), tls_, reset_key_, secrets_, *links_);
    links_->set_endpoint(*endpoint_);
    advertised_ = own_addresses();
    discovery_.set_own_endpoint(own_endpoint(config_.host.advertise, endpoint_->listening()));
    core_ = std::make_unique<Core>(core_config(), signing_, secrets_, rng_, read_clocks());
    driver_ = std::make_unique<CoreDriver>(io_, *core_, pins_, discovery_, pipe_options(config_));
    forward.to = driver_.get();
    nodes_ = std::make_unique<NodeServer>(io_,
                                          NodeServer::Options{config_.host.node_socket, config_.host.node_socket_group,
                                                              systemd::take_listen_fd("node")},
                                          *driver_);
    driver_->connect(*links_, *nodes_);
    auto control = control::Server::listen(io_, config_.host.control_socket, control::Routes{controlled()});
    if (!control) throw std::runtime_error(control.error());
    control_ = std::move(*control);
    log::set_listener([this](Severity severity, const std::string& json) {
      events_.add(severity, json);
      control_->tell(severity, json);
    });
  }
  ~App() { log::set_listener({}); }

  int run() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) stop();
    });
    endpoint_->start();
    nodes_->start();
    save_book_later(std::chrono::seconds{5});  // who has joined, and is killed then, finds its cluster again
    const std::string listening = "listening on UDP " + endpoint_->listening().front().text();
    log::info("daemon.ready", "ready: " + listening + ", nodes attach at " + config_.host.node_socket.native(),
              {{"key", fingerprint(keys_.public_key())}, {"trust", config_.auth.trust_mode == Trust::tofu ? "tofu" : "strict"},
               {"cluster", config_.cluster.name}});
    if (endpoint_->receive_buffer_granted() < config_.transport.udp_rcvbuf)
      log::warning("udp.small_buffer", "the kernel grants a UDP receive buffer of " + std::to_string(endpoint_->receive_buffer_granted() / 1024) +
                   " KiB, " + std::to_string(config_.transport.udp_rcvbuf / 1024) + " KiB wanted (sysctl net.core.rmem_max, or the socket unit)");
    systemd::notify_ready(listening);
    keep_watchdog();
    look_at_addresses_later();
    io_.run();
    // Links have had up to 1.5 s for what was to be said; a disk that hangs gets what is left of the 2 s (I24).
    book_writer_.wait(std::max<Duration>(stop_began_ + std::chrono::milliseconds{1650} - steady_now(), std::chrono::milliseconds{50}));
    discovery_.stop(std::chrono::milliseconds{300});
    return 0;
  }

  /// A thread is still at it that cannot be told to stop.
  bool is_held_up() { return discovery_.pending() > 0 || book_writer_.is_busy(); }

 private:
  /// Stands in for the driver until it is made.
  struct Forward final : LinkListener {
    LinkListener* to = nullptr;
    void on_link_opened(LinkId link, const LinkFacts& facts) override { to->on_link_opened(link, facts); }
    void on_link_message(LinkId link, LinkStream on, ByteView message) override { to->on_link_message(link, on, message); }
    void on_link_backlog(LinkId link, std::size_t bytes) override { to->on_link_backlog(link, bytes); }
    void on_link_closed(LinkId link, const LinkEnd& why) override { to->on_link_closed(link, why); }
    void on_dial_failed(DialId dial, DialError why, const std::string& text) override { to->on_dial_failed(dial, why, text); }
  };

  CoreConfig core_config() {
    CoreConfig out;
    out.cluster = config_.cluster.name;
    out.trust = config_.auth.trust_mode;
    out.version = BP2P_VERSION;
    out.fingerprint = fingerprint(keys_.public_key());
    out.udp_port = endpoint_->listening().front().port;
    out.advertise = advertised_;
    out.membership = config_.membership.for_core();
    out.contacts = config_.membership.contact_nodes;
    out.contact_retry = std::chrono::milliseconds{config_.membership.contact_retry_ms};
    if (auto book = load_address_book(config_.host.state_dir, config_.cluster.name, signing_)) out.book = std::move(*book);
    else log::warning("overlay.book_unreadable", book.error().text + "; the daemon starts without its address book");
    out.boot_epoch = or_stop(next_boot_epoch(config_.host.state_dir, wall_now()));
    for (const auto& [name, uids] : config_.auth.name_owners)
      for (const std::uint32_t uid : uids) out.name_owners.emplace_back(name, uid);
    return out;
  }

  /// Clean: nodes are told, peers hear goodbye, and everything that was said leaves before the process does.
  void stop() {
    if (stopping_) return;
    stopping_ = true;
    stop_began_ = steady_now();
    log::info("daemon.stopping", "stopping");
    systemd::notify_stopping();
    nodes_->stop_listening();
    save_book();
    driver_->stop();
    links_->close_all(LinkCode::goodbye, "the daemon stops", [this] { io_.stop(); });
  }

  std::vector<Address> own_addresses() const {
    return config_.host.advertise.empty() ? addresses_of_host(endpoint_->listening()) : config_.host.advertise;
  }
  /// A daemon may start before its host has a network, and hosts move. Soon again while there is only loopback.
  void look_at_addresses_later() {
    if (!config_.host.advertise.empty()) return;
    const bool is_nowhere = std::ranges::all_of(advertised_, [](const Address& each) { return is_loopback(each); });
    addresses_timer_.expires_after(is_nowhere ? std::chrono::seconds{5} : std::chrono::seconds{60});
    addresses_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error || stopping_) return;
      if (const auto found = own_addresses(); !std::ranges::is_permutation(found, advertised_)) {
        std::string listed;
        for (const Address& each : found) listed += (listed.empty() ? "" : ", ") + each.text();
        log::info("host.addresses", "this host's addresses have changed; peers are told " + listed);
        advertised_ = found;
        driver_->set_addresses(found);
      }
      look_at_addresses_later();
    });
  }

  /// Where the cluster is, for the next start.
  void save_book() {
    const Now now = read_clocks();
    auto book = core_->address_book(now);
    if (!book.empty()) book_writer_.set(std::move(book), now.steady);
  }
  void save_book_later(Duration wait) {
    book_timer_.expires_after(wait);
    book_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error || stopping_) return;
      save_book();
      save_book_later(std::chrono::minutes{1});
    });
  }

  void keep_watchdog() {
    const auto period = systemd::watchdog_period();
    if (!period) return;
    systemd::notify_watchdog();
    watchdog_.expires_after(*period);
    watchdog_.async_wait([this](const boost::system::error_code& error) {
      if (!error) keep_watchdog();
    });
  }

  control::Subject controlled() {
    return {.status = [this] { return control::status_json(status()); },
            .peers = [this] { return control::peers_json(status()); },
            .members = [this] { return control::members_json(core_->status(read_clocks()).overlay.members, core_->members()); },
            .graph = [this] { return control::graph_json(status()); },
            .events = [this] { return events_.json(); },
            .peer = [this](std::string_view whom) -> std::optional<nlohmann::ordered_json> {
              const auto found = core_->peer(whom, read_clocks());
              if (!found) return std::nullopt;
              return control::peer_json(whom, *found, status());
            },
            .join = [this](const JoinTarget& contact) {
              driver_->join(contact);
              return control::join_json(contact, status());
            },
            .leave = [this] {
              const bool was_joined = core_->status(read_clocks()).overlay.is_joined;
              driver_->leave();
              return control::leave_json(was_joined, config_.cluster.name);
            },
            .cluster_graph = [this](auto done) {
              driver_->crawl([this, done = std::move(done)](const ClusterGraph& graph) {
                done(control::cluster_graph_json(graph, config_.cluster.name));
              });
            },
            .uid = ::geteuid(),
            .admin_group = control::admin_group()};
  }

  control::DaemonStatus status() {
    control::DaemonStatus out;
    const Now now = read_clocks();
    out.core = core_->status(now);
    for (LinkStatus& link : out.core.links) {
      if (link.names.empty()) out.pinned.insert_or_assign(link.link, pins_.names_of(link.key));
      const quic::Connection* connection = endpoint_->find(link.link);
      if (connection == nullptr) continue;
      const quic::PathStats path = connection->stats();
      link.address = connection->remote();  // it may have moved since it was opened
      out.links.push_back({.link = link.link,
                           .rtt = path.rtt,
                           .min_rtt = path.min_rtt,
                           .packets_sent = path.packets_sent,
                           .packets_lost = path.packets_lost,
                           .mtu = static_cast<std::uint32_t>(path.mtu),
                           .bytes_in = path.bytes_received,
                           .bytes_out = path.bytes_sent,
                           .congestion_window = path.congestion_window});
    }
    for (const ChannelStatus& channel : out.core.channels) {
      const auto pipe = driver_->pipe_stats(channel.leg);
      if (!pipe) continue;
      control::ChannelTraffic traffic{.leg = channel.leg,
                                      .bytes_in = pipe->bytes_in,
                                      .bytes_out = pipe->bytes_out,
                                      .frames_in = pipe->frames_in,
                                      .frames_out = pipe->frames_out,
                                      .queued_in = pipe->held_in,
                                      .queued_out = pipe->held_out,
                                      .blocked_for = {}};
      if (pipe->peer_blocked_since) traffic.blocked_for = now.steady - *pipe->peer_blocked_since;
      out.channels.push_back(traffic);
    }
    out.host = host_name();
    out.version = BP2P_VERSION;
    out.fingerprint = fingerprint(keys_.public_key());
    out.udp = endpoint_->listening();
    out.advertised = advertised_;
    out.uptime = now.steady - started_;
    out.cluster = config_.cluster.name;
    out.trust = config_.auth.trust_mode;
    out.pins = pins_.count();
    out.stopping = stopping_;
    const quic::GateCounters& gate = endpoint_->gate_counters();
    out.counters = {{"gate.accepted", gate.accepted},
                    {"gate.garbage", gate.garbage},
                    {"gate.version_negotiations", gate.version_negotiations},
                    {"gate.retries", gate.retries},
                    {"gate.resets", gate.resets},
                    {"gate.refused", gate.refused},
                    {"gate.bad_tokens", gate.bad_tokens},
                    {"gate.over_rate", gate.over_rate},
                    {"gate.half_open", endpoint_->half_open()},
                    {"udp.kernel_drops", endpoint_->kernel_drops()},
                    {"nodes.refused", nodes_->refused()},
                    {"control.refused", control_->refused()},
                    {"control.followers_dropped", control_->followers_dropped()},
                    {"discovery.refused", discovery_.refused()}};
    return out;
  }

  Config config_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_};
  boost::asio::steady_timer watchdog_{io_};
  boost::asio::steady_timer book_timer_{io_};
  boost::asio::steady_timer addresses_timer_{io_};
  SystemSecrets secrets_;
  StateLock lock_, identity_lock_;  // before anything is read or written there, until everything is gone
  KeyPair keys_;
  TrustedKeys pins_;
  ResetKey reset_key_;
  SodiumSigning signing_;
  quic::Tls tls_;
  DiscoveryChain discovery_;
  Rng rng_;
  TimePoint started_;
  bool stopping_ = false;
  TimePoint stop_began_{};
  std::vector<Address> advertised_;
  AddressBookWriter book_writer_{
      [dir = config_.host.state_dir](const AddressBookWriter::Book& book) { return save_address_book(dir, book); },
      [this](const std::string& text) {  // the log is the main thread's
        boost::asio::post(io_, [text] { log::warning("overlay.book_not_saved", text); });
      }};
  control::RecentEvents events_;
  // Destroyed in the reverse order: connections end while their listeners stand.
  std::unique_ptr<Forward> forward_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<CoreDriver> driver_;
  std::unique_ptr<NodeServer> nodes_;
  std::unique_ptr<quic::Endpoint> endpoint_;
  std::unique_ptr<control::Server> control_;
};

}  // namespace

int run_daemon(const RunOptions& options) {
  log::setup(options.config.log.level, options.config.log.format);
  // The identity key must not end up in a core dump (I25).
  ::prctl(PR_SET_DUMPABLE, 0);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    init_crypto();
    App app{options};
    const int exit = app.run();
    // A thread that still waits for a name server, a shared directory, a command or the disk would hold the process up past
    // the 2 s of a clean stop (I24); everything that matters has left by now.
    if (app.is_held_up()) {
      std::fflush(nullptr);
      ::_exit(exit);
    }
    return exit;
  } catch (const std::exception& error) {
    log::error("daemon.failed", error.what());
    return static_cast<int>(Exit::unavailable);
  }
}

}  // namespace bp2p
