// Drops privileges.

#include "jailer/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "jailer/rollback.h"

namespace mayfly {
namespace {

// No kernel has more: they are bits of two 32-bit words.
constexpr unsigned kMaxCapabilities = 64;

bool EmptyBoundingSet() {
  for (unsigned capability = 0; capability < kMaxCapabilities; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      // The kernel knows no more of them; it has the first for certain.
      return errno == EINVAL && capability > 0;
    }
  }
  return true;
}

bool EmptyInheritableSet() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets = {};
  if (syscall(SYS_capget, &header, sets.data()) != 0) {
    return false;
  }
  for (__user_cap_data_struct& set : sets) {
    set.inheritable = 0;
  }
  return syscall(SYS_capset, &header, sets.data()) == 0;
}

}  // namespace

LaunchStep DropPrivileges(const Identity& identity) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return LaunchStep::kNoNewPrivileges;
  }
  if (!EmptyBoundingSet() || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      !EmptyInheritableSet()) {
    return LaunchStep::kCapabilities;
  }
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) {
    return LaunchStep::kGroup;
  }
  if (!identity.keeps_groups && setgroups(0, nullptr) != 0) {
    return LaunchStep::kGroups;
  }
  // Inside a user namespace of its own the process is this user already, and 0 is nobody.
  if (setresuid(identity.uid, identity.uid, geteuid()) != 0) {
    return LaunchStep::kUser;
  }
  return LaunchStep::kNone;
}

void RegainPrivileges(uid_t uid) {
  // Nobody to tell: what cannot be removed then stays.
  IgnoreResult(setresuid(uid, uid, uid));
}

}  // namespace mayfly
