// The files of a shared directory: DIR/NODE.endpoint says where NODE's daemon is, as an Erlang term, `{"10.0.0.5", 9100}.`
// (the format of upstream's barrel_p2p_discovery_file, which reads it with file:consult/1).
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/discovery/found.h"
#include "proto/base/node_name.h"

namespace bp2p {

struct Endpoint {
  std::string host;  ///< an IP address, or a name to look up
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

inline constexpr std::size_t endpoint_file_bytes_max = 4096;

/// Terms one after the other, at most 16, with white space and % comments between. None: it is something else.
std::optional<std::vector<Endpoint>> parse_endpoints(std::string_view text);
/// One term and a newline.
std::string endpoint_text(const Endpoint& endpoint);

/// A node's name has no slash and does not begin with a dot, so the file is in the directory.
std::filesystem::path endpoint_file(const std::filesystem::path& directory, const NodeName& name);

/// Blocks for as long as the file system and, for hosts that have names, the resolver like. A symbolic link is not
/// followed, and a file of more than 4 KiB is not read.
Found find_in_directory(const std::filesystem::path& directory, const NodeName& name);

}  // namespace bp2p
