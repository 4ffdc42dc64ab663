// Makes and mounts devices.

#include "jailer/device_node.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/rollback.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr mode_t kMode = 0600;

void RemoveWith(Rollback& rollback, const Directory& folder, const std::string& name) {
  rollback.Add([folder, name] { IgnoreResult(unlinkat(folder.fd(), name.c_str(), 0)); });
}

}  // namespace

absl::Status MakeDeviceNode(const Directory& folder, const std::string& name, dev_t device,
                            uid_t uid, gid_t gid, Rollback& rollback) {
  const std::string path = folder.PathOf(name);
  if (mknodat(folder.fd(), name.c_str(), S_IFCHR | kMode, device) != 0) {
    return StepError(absl::StrCat("Failed to create ", path));
  }
  RemoveWith(rollback, folder, name);
  const OwnedFd node(openat(folder.fd(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat now = {};
  if (!node.is_open() || fstat(node.get(), &now) != 0) {
    return StepError(absl::StrCat("Failed to open ", path));
  }
  if (!S_ISCHR(now.st_mode) || now.st_rdev != device || now.st_nlink != 1) {
    return absl::PermissionDeniedError(absl::StrCat(path, " was replaced by something else"));
  }
  if (fchownat(node.get(), "", uid, gid, AT_EMPTY_PATH) != 0) {
    return StepError(absl::StrCat("Failed to change the owner of ", path, " to ", uid, ":", gid));
  }
  return absl::OkStatus();
}

absl::StatusOr<OwnedFd> CloneDevice(const std::string& host_path) {
  OwnedFd mount(open_tree(AT_FDCWD, host_path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!mount.is_open()) {
    return StepError(absl::StrCat("Failed to take the mount of ", host_path));
  }
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  if (mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    return StepError(absl::StrCat("Failed to restrict the mount of ", host_path));
  }
  return mount;
}

absl::Status MountDevice(const Directory& folder, const std::string& name, int host_fd,
                         Rollback& rollback) {
  const std::string path = folder.PathOf(name);
  OwnedFd target(openat(folder.fd(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!target.is_open()) {
    return StepError(absl::StrCat("Failed to create ", path));
  }
  RemoveWith(rollback, folder, name);
  if (move_mount(host_fd, "", target.get(), "",
                 MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return StepError(absl::StrCat("Failed to mount ", path));
  }
  rollback.Add([folder, name] {
    IgnoreResult(fchdir(folder.fd()));
    IgnoreResult(umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW));
  });
  return absl::OkStatus();
}

}  // namespace mayfly
