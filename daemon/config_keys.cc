#include "daemon/config_keys.h"

namespace bp2p {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t KiB = 1ULL << 10, GiB = 1ULL << 30;

template <class T>
void take_over(T& to, T&& from) {
  to = std::move(from);
}
template <class K, class V>
void take_over(std::map<K, V>& to, std::map<K, V>&& from) {
  for (auto& [key, value] : from) to.insert_or_assign(key, std::move(value));
}

template <class Section, class T>
ConfigKey key(std::string section, std::string name, Section Config::* part, T Section::* member, Kind<T> kind,
              std::string meaning) {
  constexpr bool is_table = requires(T value) { typename T::mapped_type; };
  return {.section = std::move(section), .name = std::move(name), .meaning = std::move(meaning), .is_table = is_table,
          .read = [=](const toml::value& value, Config& config) -> Read<std::monostate> {
            return kind.read(value).transform([&](T&& read) {
              take_over(config.*part.*member, std::move(read));
              return std::monostate{};
            });
          },
          .write = [=](const Config& config) { return kind.write(config.*part.*member); }};
}

std::vector<ConfigKey> made() {
  const auto offload = choice_kind<Offload>({{"auto", Offload::automatic}, {"off", Offload::off}});
  std::vector<ConfigKey> keys;

  const auto host = [&](auto name, auto member, auto kind, auto meaning) {
    keys.push_back(key("host", name, &Config::host, member, kind, meaning));
  };
  host("listen", &HostConfig::listen, addresses_kind(1),
       "UDP addresses on which peers reach this daemon. Port 0: the system chooses one.\n"
       "\"[::]:9100\" is every address of the host, IPv4 too.");
  host("advertise", &HostConfig::advertise, addresses_kind(0),
       "Addresses told to peers, for a host behind a translator. []: those of the host, looked at again every minute.");
  host("node_socket", &HostConfig::node_socket, socket_path_kind(),
       "Where Erlang nodes of this host attach. Not used when systemd passes the socket.");
  host("node_socket_group", &HostConfig::node_socket_group, group_kind(),
       "Members of this group may attach too (the socket's mode is 0660 then, else 0600).");
  host("control_socket", &HostConfig::control_socket, socket_path_kind(),
       "What `barrel-p2pd status` and its like talk to; HTTP and JSON.");
  host("state_dir", &HostConfig::state_dir, path_kind(false),
       "Keys, pins and what else must outlive the process. One daemon per directory.");

  keys.push_back(key("cluster", "name", &Config::cluster, &ClusterConfig::name, text_kind(1, 255),
                     "Daemons of another cluster are turned away. It keeps clusters apart; it is no secret."));

  const auto auth = [&](auto name, auto member, auto kind, auto meaning) {
    keys.push_back(key("auth", name, &Config::auth, member, kind, meaning));
  };
  auth("trust_mode", &AuthConfig::trust_mode, choice_kind<Trust>({{"tofu", Trust::tofu}, {"strict", Trust::strict}}),
       "\"tofu\": the first key seen for a name is pinned, and another one is refused from then on.\n"
       "\"strict\": only keys pinned with `barrel-p2pd keys pin` are accepted.");
  auth("key_dir", &AuthConfig::key_dir, path_kind(true),
       "This daemon's key and the pinned ones. \"\": the directory `keys` in state_dir.");
  auth("name_owners", &AuthConfig::name_owners, owner_table_kind(),
       "Who may attach under a name: a user, a uid, or a list of them. A name that is not listed belongs to\n"
       "everyone who can open the socket. Example:\n"
       "  \"app@db1\" = \"app\"");

  const auto discovery = [&](auto name, auto member, auto kind, auto meaning) {
    keys.push_back(key("discovery", name, &Config::discovery, member, kind, meaning));
  };
  discovery("backends", &DiscoveryConfig::backends,
            list_kind(choice_kind<Backend>({{"static", Backend::static_table}, {"peers", Backend::peers},
                                            {"file", Backend::file}, {"dns", Backend::dns},
                                            {"command", Backend::command}})),
            "Who is asked for a node's addresses. They are tried in this order, one backend's after the other's.\n"
            "\"static\": the table below. \"peers\": what the node's daemon said of itself. \"file\": `directory`.\n"
            "\"dns\": the part of the name after the @. \"command\": `command`, when nobody before it knows the node.");
  discovery("directory", &DiscoveryConfig::directory, path_kind(true),
            "A directory that hosts share, for \"file\". Each daemon writes NODE.endpoint for the nodes attached to it, with\n"
            "one line, {\"10.0.0.5\", 9100}., and reads those of others. \"\": none.");
  discovery("dns_port", &DiscoveryConfig::dns_port, number_kind<std::uint16_t>(1, 65535),
            "The port that goes with an address from DNS. An SRV record _barrel-p2p._udp.HOST has its own.");
  discovery("command", &DiscoveryConfig::command, command_kind(),
            "A program and its first arguments, for \"command\". It gets the node's name as its last argument, prints lines\n"
            "like 10.0.0.6:9100, and has 3 s; another exit code than 0 says that it does not know. []: none.");
  discovery("static", &DiscoveryConfig::static_table, address_table_kind(),
            "A node and the address of its daemon, or a list of addresses. Example:\n"
            "  \"app@db2\" = \"10.0.0.6:9100\"");

  const auto membership = [&](auto name, auto member, auto kind, auto meaning) {
    keys.push_back(key("membership", name, &Config::membership, member, kind, meaning));
  };
  const auto ms = [](std::uint32_t least) { return number_kind<std::uint32_t>(least, 86'400'000); };
  membership("contact_nodes", &MembershipConfig::contact_nodes, list_kind(join_target_kind()),
             "Joined at the start, and again whenever there is no neighbour or one of them is not in our cluster: nodes\n"
             "(\"app@db2\"), found as [discovery] says, or addresses of daemons (\"10.0.0.6:9100\"). One that is up is enough.");
  membership("contact_retry_ms", &MembershipConfig::contact_retry_ms, ms(100),
             "How long until the contacts are tried again; three times as long while there are neighbours.");
  membership("active_size", &MembershipConfig::active_size, number_kind<std::uint32_t>(2, 64),
             "Neighbours: links that are kept, and over which broadcasts go.");
  membership("passive_size", &MembershipConfig::passive_size, number_kind<std::uint32_t>(2, 1024),
             "Spares: known daemons, one of which takes a lost neighbour's place.");
  membership("arwl", &MembershipConfig::arwl, number_kind<std::uint32_t>(1, 32),
             "Steps that a newcomer's search for neighbours goes (active random walk length).");
  membership("prwl", &MembershipConfig::prwl, number_kind<std::uint32_t>(0, 32),
             "The step at which it becomes a spare (passive random walk length).");
  membership("shuffle_length", &MembershipConfig::shuffle_length, number_kind<std::uint32_t>(2, 16),
             "Daemons that are named in one exchange of spares: this one, half as many neighbours, and spares.");
  membership("shuffle_period", &MembershipConfig::shuffle_period, duration_kind(100ms, 1h), "How often spares are exchanged.");
  membership("keep_alive", &MembershipConfig::keep_alive, duration_kind(100ms, 1h),
             "How often neighbours tell one another that they are. Silence of three such spans is a lost neighbour.");
  membership("pending_timeout_ms", &MembershipConfig::pending_timeout_ms, ms(100),
             "How long a question to another daemon may take, dialling it included.");
  membership("base_backoff_ms", &MembershipConfig::base_backoff_ms, ms(1),
             "A spare that could not be reached is not tried for so long; doubled each time.");
  membership("max_fail_count", &MembershipConfig::max_fail_count, number_kind<std::uint32_t>(1, 100),
             "After so many failures in a row it is no spare any more.");
  membership("passive_max_age_ms", &MembershipConfig::passive_max_age_ms, ms(1000),
             "A spare is forgotten so long after it became one.");
  membership("suspicion", &MembershipConfig::suspicion, duration_kind(100ms, 1h),
             "The least time that a daemon which cannot be reached has to say that it lives, before all agree that it is\n"
             "down: with four witnesses, up to 10 daemons; four times as long with 10,000, six times with one witness.");

  const auto dist = [&](auto name, auto member, auto kind, auto meaning) {
    keys.push_back(key("dist", name, &Config::dist, member, kind, meaning));
  };
  dist("lanes", &DistConfig::lanes,
       choice_kind<dist::LaneRule>({{"bulk", dist::LaneRule::bulk}, {"sender", dist::LaneRule::sender}}),
       "How signals are spread over streams. \"bulk\": large messages go beside the rest, everything else stays in\n"
       "one order. \"sender\": every sending process has its lane, so that a lost packet delays one process only.");
  dist("streams", &DistConfig::streams, number_kind<std::uint32_t>(1, 62), "Data streams per channel, 1 to 62.");
  dist("channel_buffer", &DistConfig::channel_buffer, size_kind(64 * KiB, GiB),
       "Bytes of a channel that its sender holds until they are acknowledged. Full: the node's port is busy.");
  // A frame of up to 128 KiB is passed on whole, and QUIC may keep a quarter of a window back: less could never move.
  dist("lane_window", &DistConfig::lane_window, size_kind(256 * KiB, GiB),
       "Bytes per data stream that the receiving side holds for a slow node.");
  dist("max_frame", &DistConfig::max_frame, size_kind(64 * KiB, (1ULL << 31) - 1),
       "The largest dist frame. (OTP cuts messages into frames of 64 KiB and sends some kinds whole.)");

  const auto transport = [&](auto name, auto member, auto kind, auto meaning) {
    keys.push_back(key("transport", name, &Config::transport, member, kind, meaning));
  };
  transport("congestion", &TransportConfig::congestion,
            choice_kind<Congestion>({{"cubic", Congestion::cubic}, {"bbr", Congestion::bbr}}),
            "Congestion control: \"cubic\" or \"bbr\".");
  transport("idle_timeout", &TransportConfig::idle_timeout, duration_kind(1s, 1h),
            "A link on which nothing was heard for so long is lost, and its nodes are down.");
  transport("keep_alive", &TransportConfig::keep_alive, duration_kind(100ms, 30min),
            "A link on which nothing was sent for so long says that it is alive. At most a third of idle_timeout.");
  transport("max_udp_payload", &TransportConfig::max_udp_payload, payload_kind(1200, 65000),
            "Bytes per datagram. \"auto\": path MTU discovery finds the largest that arrives. Else 1200 to 65000.");
  transport("udp_rcvbuf", &TransportConfig::udp_rcvbuf, size_kind(64 * KiB, GiB),
            "Receive buffer asked of the kernel; it gives an unprivileged process what net.core.rmem_max allows.");
  transport("udp_sndbuf", &TransportConfig::udp_sndbuf, size_kind(64 * KiB, GiB),
            "Send buffer asked of the kernel; limited by net.core.wmem_max.");
  transport("gso", &TransportConfig::gso, offload,
            "Many datagrams in one send, where the kernel can. \"off\": one each.");
  transport("gro", &TransportConfig::gro, offload, "The same for receiving.");
  transport("half_open_max", &TransportConfig::half_open_max, number_kind<std::uint32_t>(1, 100'000),
            "Handshakes under way at once; strangers beyond that wait outside.");
  transport("retry_above", &TransportConfig::retry_above, number_kind<std::uint32_t>(0, 100'000),
            "With more handshakes under way than this, a stranger proves its address first (QUIC Retry).");
  transport("handshakes_per_second", &TransportConfig::handshakes_per_second, number_kind<std::uint32_t>(1, 100'000),
            "Handshakes begun per second, at most.");
  transport("max_links", &TransportConfig::max_links, number_kind<std::uint32_t>(1, 65'536), "Links at once, at most.");

  keys.push_back(key("log", "level", &Config::log, &LogConfig::level,
                     choice_kind<LogLevel>({{"debug", LogLevel::debug}, {"info", LogLevel::info},
                                            {"warning", LogLevel::warning}, {"error", LogLevel::error}}),
                     "\"debug\", \"info\", \"warning\" or \"error\"."));
  keys.push_back(key("log", "format", &Config::log, &LogConfig::format,
                     choice_kind<LogFormat>({{"auto", LogFormat::automatic}, {"text", LogFormat::text},
                                             {"json", LogFormat::json}}),
                     "On stderr. \"auto\": coloured on a terminal, with priorities for the journal, plain lines else.\n"
                     "\"text\": plain lines always. \"json\": one object per line. Both have a time in UTC (plain lines\n"
                     "not in the journal, which has its own)."));
  return keys;
}

}  // namespace

const std::vector<ConfigKey>& config_key_table() {
  static const std::vector<ConfigKey> table = made();
  return table;
}

std::string_view section_meaning(std::string_view section) {
  if (section == "host") return "This machine: sockets and directories.";
  if (section == "cluster") return "Who belongs together.";
  if (section == "auth") return "Which keys are believed, and who may use which name.";
  if (section == "discovery") return "Where a node's daemon is.";
  if (section == "membership") return "The cluster's overlay: which daemons this one keeps links with.";
  if (section == "dist") return "Erlang distribution.";
  if (section == "transport") return "QUIC.";
  if (section == "log") return "What the daemon says.";
  return "";
}

}  // namespace bp2p
