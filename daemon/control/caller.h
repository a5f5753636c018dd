// Who speaks on a connection of the control socket, as the kernel has it. Reading is for everybody who can open the socket;
// changing is for root, the daemon's own user and the group barrel-p2p-admin (shown in docs/operations.md).
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace bp2p::control {

inline constexpr const char* admin_group_name = "barrel-p2p-admin";

struct Caller {
  std::uint32_t uid = UINT32_MAX;        ///< nobody's
  std::vector<std::uint32_t> groups{};   ///< its own group and the others
};

/// By SO_PEERCRED and SO_PEERGROUPS: as the process was when it connected. Nobody when the kernel does not say.
Caller caller_of(int fd);

/// `own_uid`: the daemon's.
bool may_change(const Caller& caller, std::uint32_t own_uid, std::optional<std::uint32_t> admin_group);

/// None: this host has no such group.
std::optional<std::uint32_t> admin_group();

}  // namespace bp2p::control
