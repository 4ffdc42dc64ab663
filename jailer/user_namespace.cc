// Makes a user namespace.

#include "jailer/user_namespace.h"

#include <sched.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/directory.h"
#include "jailer/small_file.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr char kHint[] =
    "only root can jail where user.max_user_namespaces, kernel.unprivileged_userns_clone or "
    "kernel.apparmor_restrict_unprivileged_userns forbids user namespaces";

absl::Status MapIds(uid_t uid, gid_t gid) {
  ASSIGN_OR_RETURN(const Directory process, Directory::Open("/proc/self"));
  RETURN_IF_ERROR(WriteSmallFile(process, "uid_map", absl::StrCat(uid, " ", uid, " 1")));
  // Who could leave groups could reach files that are closed to these groups; so this comes first.
  RETURN_IF_ERROR(WriteSmallFile(process, "setgroups", "deny"));
  return WriteSmallFile(process, "gid_map", absl::StrCat(gid, " ", gid, " 1"));
}

}  // namespace

absl::Status EnterUserNamespace(uid_t uid, gid_t gid) {
  if (unshare(CLONE_NEWUSER) != 0) {
    return AddHint(StepError("Failed to make a user namespace"), kHint);
  }
  return AddHint(MapIds(uid, gid), kHint);
}

}  // namespace mayfly
