#include "daemon/control/caller.h"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace bp2p::control {

Caller caller_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  Caller caller{.uid = peer.uid, .groups = {peer.gid}};
  std::vector<gid_t> groups(256);  // a user in more of them has its own group alone
  size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return caller;
  groups.resize(size / sizeof(gid_t));
  caller.groups.insert(caller.groups.end(), groups.begin(), groups.end());
  return caller;
}

bool may_change(const Caller& caller, std::uint32_t own_uid, std::optional<std::uint32_t> admin_group) {
  if (caller.uid == UINT32_MAX) return false;
  return caller.uid == 0 || caller.uid == own_uid || (admin_group && std::ranges::contains(caller.groups, *admin_group));
}

std::optional<std::uint32_t> admin_group() {
  const group* found = ::getgrnam(admin_group_name);
  return found == nullptr ? std::nullopt : std::optional<std::uint32_t>{found->gr_gid};
}

}  // namespace bp2p::control
