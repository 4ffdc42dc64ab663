// JailFolder: where a jail lies, BASE/NAME/ID/root, as clients of Firecracker's jailer compute it.

#ifndef MAYFLY_JAILER_JAIL_FOLDER_H_
#define MAYFLY_JAILER_JAIL_FOLDER_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jailer/directory.h"
#include "jailer/rollback.h"

namespace mayfly {

inline constexpr mode_t kJailFolderMode = 0755;
inline constexpr char kJailRootName[] = "root";

// Which jail of which program. A plain value.
struct JailName {
  std::string program;  // the last component of its path
  std::string id;

  std::string PidFile() const { return program + ".pid"; }
};

// A value: copies share the descriptors.
struct JailFolder {
  Directory jail;  // BASE/NAME/ID
  Directory root;  // the jailed program's "/"
};

// Makes what is not there yet, and takes `jail` for this process until the program starts. What
// was there must belong to `owner` or root and be writable by its owner only. AlreadyExists when
// the jail is in use or was not cleaned; the other jail is left as it is then.
absl::StatusOr<JailFolder> MakeJailFolder(const Directory& base, const JailName& name, uid_t owner,
                                          Rollback& rollback);

// Takes a directory BASE/NAME/ID for this process. FailedPrecondition when another jailer has it.
absl::Status LockJail(const Directory& jail);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAIL_FOLDER_H_
