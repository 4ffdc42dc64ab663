// Pivots into the jail.

#include "jailer/mount_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

// A new mount of the working directory on top of it, which becomes the working directory:
// pivot_root takes no directory that is no mount point.
absl::Status MountWorkingDirectory(const Directory& root) {
  const OwnedFd tree(open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.is_open()) {
    return StepError(absl::StrCat("Failed to take the mount of ", root.path()));
  }
  if (move_mount(tree.get(), "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return StepError(absl::StrCat("Failed to mount ", root.path()));
  }
  if (fchdir(tree.get()) != 0) {
    return StepError(absl::StrCat("Failed to enter ", root.path()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterMountNamespace(const Directory& root) {
  // A new namespace has its own copy of each mount; the working directory is what moves over.
  if (fchdir(root.fd()) != 0) {
    return StepError(absl::StrCat("Failed to enter ", root.path()));
  }
  if (unshare(CLONE_NEWNS) != 0) {
    return StepError("Failed to make a mount namespace");
  }
  if (mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) {
    return StepError("Failed to keep mounts from spreading to the host");
  }
  return absl::OkStatus();
}

absl::StatusOr<Directory> PivotIntoJail(const Directory& root) {
  RETURN_IF_ERROR(MountWorkingDirectory(root));
  // The old root lands on top of the new one, so that it needs no folder of its own in there.
  if (syscall(SYS_pivot_root, ".", ".") != 0) {
    absl::Status status = StepError(absl::StrCat("Failed to make ", root.path(), " the root"));
    // A mount point cannot be removed with what else there is of the jail.
    IgnoreResult(umount2(".", MNT_DETACH));
    return status;
  }
  if (umount2(".", MNT_DETACH) != 0) {
    return StepError("Failed to detach the host's root");
  }
  if (chdir("/") != 0) {
    return StepError(absl::StrCat("Failed to enter ", root.path()));
  }
  return Directory::OpenRoot(root.path());
}

}  // namespace mayfly
