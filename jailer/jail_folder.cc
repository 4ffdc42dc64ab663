// Makes the folder of a jail.

#include "jailer/jail_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/step_error.h"

namespace mayfly {
namespace {

constexpr uid_t kRootUser = 0;

absl::StatusOr<Directory> MakeOwned(const Directory& parent, const std::string& name, uid_t owner,
                                    Rollback& rollback) {
  ASSIGN_OR_RETURN(Directory child, parent.MakeChild(name, kJailFolderMode, rollback));
  RETURN_IF_ERROR(child.CheckOwner(owner, kRootUser));
  return child;
}

// The file stays until the jail is cleaned, so that an id is used once.
absl::Status CheckUnused(const Directory& root, const JailName& name) {
  struct stat ignored = {};
  const std::string pid_file = name.PidFile();
  if (fstatat(root.fd(), pid_file.c_str(), &ignored, AT_SYMLINK_NOFOLLOW) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("The jail ", name.id, " is in use or was not cleaned: ", root.PathOf(pid_file),
                     " exists; --clean removes what is left of it"));
  }
  return errno == ENOENT ? absl::OkStatus()
                         : StepError(absl::StrCat("Failed to look at ", root.PathOf(pid_file)));
}

}  // namespace

absl::Status LockJail(const Directory& jail) {
  if (flock(jail.fd(), LOCK_EX | LOCK_NB) != 0) {
    return StepError(
        absl::StrCat("Failed to lock ", jail.path(), ", which another jailer may use"));
  }
  return absl::OkStatus();
}

absl::StatusOr<JailFolder> MakeJailFolder(const Directory& base, const JailName& name, uid_t owner,
                                          Rollback& rollback) {
  ASSIGN_OR_RETURN(const Directory program, MakeOwned(base, name.program, owner, rollback));
  ASSIGN_OR_RETURN(Directory jail, MakeOwned(program, name.id, owner, rollback));
  RETURN_IF_ERROR(LockJail(jail));
  ASSIGN_OR_RETURN(Directory root, jail.MakeChild(kJailRootName, kJailFolderMode, rollback));
  // First, as the root of a jail that is in use belongs to its user.
  RETURN_IF_ERROR(CheckUnused(root, name));
  RETURN_IF_ERROR(root.CheckOwner(owner, kRootUser));
  return JailFolder{.jail = std::move(jail), .root = std::move(root)};
}

}  // namespace mayfly
