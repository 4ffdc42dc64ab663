// Unmounts below a jail.

#include "jailer/jail_mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/step_error.h"

namespace mayfly {

std::vector<std::string> MountPointsBelow(const std::vector<Mount>& table, absl::string_view path) {
  const std::string prefix = absl::StrCat(path, "/");
  std::vector<std::string> below;
  for (const Mount& mount : table) {
    absl::string_view rest = mount.mount_point;
    if (absl::ConsumePrefix(&rest, prefix)) {
      below.emplace_back(rest);
    }
  }
  // What was mounted last may be on what was mounted first.
  std::reverse(below.begin(), below.end());
  return below;
}

absl::Status DetachMountsBelow(const Directory& jail) {
  ASSIGN_OR_RETURN(const std::vector<Mount> table, ReadMountTable());
  for (const std::string& mount_point : MountPointsBelow(table, jail.path())) {
    open_how how = {};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const OwnedFd top(
        static_cast<int>(syscall(SYS_openat2, jail.fd(), mount_point.c_str(), &how, sizeof(how))));
    if (!top.is_open() && errno == ENOENT) {
      continue;  // It went with a mount above it.
    }
    if (!top.is_open()) {
      return StepError(absl::StrCat("Failed to open ", jail.PathOf(mount_point)));
    }
    // The open mount, wherever its path leads by now.
    if (umount2(absl::StrCat("/proc/self/fd/", top.get()).c_str(), MNT_DETACH) != 0 &&
        errno != EINVAL) {
      return StepError(absl::StrCat("Failed to unmount ", jail.PathOf(mount_point)));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly
