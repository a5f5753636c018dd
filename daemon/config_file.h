// What an operator may set, and where it is read from. One table in config_file.cc knows every key: reading,
// writing, defaults, `config defaults` and config/barrel-p2pd.toml all come from it.
//
// Layers, later ones win: the code's defaults, the file, conf.d/*.toml beside it (in the order of their names),
// the environment (BARREL_P2P_<SECTION>__<KEY>), --set section.key=value.
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/address.h"
#include "proto/base/node_name.h"
#include "proto/base/now.h"
#include "proto/core/core.h"
#include "proto/dist/route.h"

namespace bp2p {

enum class Backend : std::uint8_t { static_table, peers, file, dns, command };
enum class Congestion : std::uint8_t { cubic, bbr };
enum class Offload : std::uint8_t { automatic, off };    ///< GSO, GRO
enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { automatic, text, json };

struct HostConfig {
  std::vector<Address> listen{Address{.port = 9100}};   ///< UDP, at least one; port 0: the system chooses
  std::vector<Address> advertise;                       ///< told to peers in our record
  std::filesystem::path node_socket = "/run/barrel-p2p/node.sock";
  std::string node_socket_group;                        ///< empty: no group, the socket has mode 0600; else 0660
  std::filesystem::path control_socket = "/run/barrel-p2p/ctl.sock";
  std::filesystem::path state_dir = "/var/lib/barrel-p2p";
  friend bool operator==(const HostConfig&, const HostConfig&) = default;
};

struct ClusterConfig {
  std::string name = "default";  ///< 1 to 255 bytes
  friend bool operator==(const ClusterConfig&, const ClusterConfig&) = default;
};

struct AuthConfig {
  Trust trust_mode = Trust::tofu;
  std::filesystem::path key_dir;                              ///< empty: state_dir/keys; see Config::key_dir()
  std::map<NodeName, std::vector<std::uint32_t>> name_owners;  ///< uids that may attach under the name
  friend bool operator==(const AuthConfig&, const AuthConfig&) = default;
};

struct DiscoveryConfig {
  /// In the order in which their addresses are tried (docs/decisions/0006-discovery.md).
  std::vector<Backend> backends{Backend::static_table, Backend::peers, Backend::dns};
  std::filesystem::path directory;    ///< of Backend::file; empty exactly when that is not among `backends`
  std::uint16_t dns_port = 9100;
  std::vector<std::string> command;   ///< of Backend::command: an absolute path and arguments; empty likewise
  std::map<NodeName, std::vector<Address>> static_table;               ///< [discovery.static]
  friend bool operator==(const DiscoveryConfig&, const DiscoveryConfig&) = default;
};

/// Upstream's names where it has the key; what each is for is in proto/membership/config.h.
struct MembershipConfig {
  std::vector<JoinTarget> contact_nodes;
  std::uint32_t contact_retry_ms = 10'000;
  std::uint32_t active_size = 5, passive_size = 30;
  std::uint32_t arwl = 6, prwl = 3;
  std::uint32_t shuffle_length = 8;
  Duration shuffle_period = std::chrono::seconds{10};
  Duration keep_alive = std::chrono::seconds{10};
  std::uint32_t pending_timeout_ms = 5'000;
  std::uint32_t base_backoff_ms = 1'000;
  std::uint32_t max_fail_count = 5;
  std::uint32_t passive_max_age_ms = 300'000;
  Duration suspicion = std::chrono::seconds{5};
  membership::Config for_core() const;
  friend bool operator==(const MembershipConfig&, const MembershipConfig&) = default;
};

struct DistConfig {
  dist::LaneRule lanes = dist::LaneRule::bulk;  ///< bulk or sender
  std::uint32_t streams = 8;                    ///< data streams per channel, 1 to 62
  std::uint64_t channel_buffer = 4ULL << 20;    ///< bytes not yet acknowledged, per channel, at the sender
  std::uint64_t lane_window = 1ULL << 20;       ///< bytes the receiver holds, per lane
  std::uint64_t max_frame = 1ULL << 30;         ///< bytes; at most 2^31 - 1, the highest bit is a mark on the wire
  friend bool operator==(const DistConfig&, const DistConfig&) = default;
};

struct TransportConfig {
  Congestion congestion = Congestion::cubic;
  Duration idle_timeout = std::chrono::seconds{30};
  Duration keep_alive = std::chrono::seconds{10};
  std::optional<std::uint16_t> max_udp_payload;  ///< none: path MTU discovery finds it
  std::uint64_t udp_rcvbuf = 8ULL << 20;
  std::uint64_t udp_sndbuf = 8ULL << 20;
  Offload gso = Offload::automatic;
  Offload gro = Offload::automatic;
  std::uint32_t half_open_max = 1000;
  std::uint32_t retry_above = 100;
  std::uint32_t handshakes_per_second = 200;
  std::uint32_t max_links = 4096;
  friend bool operator==(const TransportConfig&, const TransportConfig&) = default;
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

struct Config {
  HostConfig host;
  ClusterConfig cluster;
  AuthConfig auth;
  DiscoveryConfig discovery;
  MembershipConfig membership;
  DistConfig dist;
  TransportConfig transport;
  LogConfig log;

  /// auth.key_dir, or its place in the state directory.
  std::filesystem::path key_dir() const { return auth.key_dir.empty() ? host.state_dir / "keys" : auth.key_dir; }
  friend bool operator==(const Config&, const Config&) = default;
};

/// One thing wrong. `text` is what a person reads, several lines, without a final newline:
///
///     barrel-p2pd.toml:7: auth.trust_mode
///         trust_mode = "tofuu"
///                      ^^^^^^^ expected "tofu" or "strict"; did you mean "tofu"?
struct ConfigProblem {
  std::string file;        ///< or `--set`, `environment BARREL_P2P_…`
  std::uint32_t line = 0;  ///< from 1; 0: not a place in a file
  std::string key;         ///< `auth.trust_mode`; empty: the text is not TOML
  std::string text;
};
/// Every problem found, in the order of the sources; never empty. The caller exits with 78 (EX_CONFIG).
struct ConfigProblems {
  std::vector<ConfigProblem> all;
  std::string text() const;  ///< all of them, an empty line between
};

struct ConfigSources {
  std::filesystem::path file;      ///< empty: defaults only; a file that does not exist is a problem
  std::vector<std::pair<std::string, std::string>> environment;  ///< see barrel_environment()
  std::vector<std::string> sets;   ///< `section.key=value`
};

struct LoadedConfig {
  Config config;
  std::map<std::string, std::string> origin;  ///< `auth.trust_mode` -> `barrel-p2pd.toml:7`; absent: default.
                                              ///< An entry of a table is `discovery.static."app@db2"`.
};

std::expected<LoadedConfig, ConfigProblems> load_config(const ConfigSources& sources);
/// One file's text on its own; `name` is what problems call it.
std::expected<LoadedConfig, ConfigProblems> parse_config(std::string_view text, const std::string& name);

/// The variables of this process whose names begin with BARREL_P2P_. load_config() takes those with `__` for keys, leaves
/// alone those of the shim and of our tools, and refuses any other one.
std::vector<std::pair<std::string, std::string>> barrel_environment();

/// A configuration file with every key, its meaning as a comment, and the values of `config`;
/// config/barrel-p2pd.toml is this for Config{}.
std::string commented_config(const Config& config);
/// Every key on a line of its own with where its value comes from.
std::string shown_config(const LoadedConfig& loaded);
/// `section.key` of everything the loader knows.
std::vector<std::string> config_keys();

}  // namespace bp2p
