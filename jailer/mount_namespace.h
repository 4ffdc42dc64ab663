// MountNamespace: makes the jail's root the only files that this process sees.

#ifndef MAYFLY_JAILER_MOUNT_NAMESPACE_H_
#define MAYFLY_JAILER_MOUNT_NAMESPACE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jailer/directory.h"

namespace mayfly {

// Moves this process into a new mount namespace, of which the host sees no mounts, while those that
// the host makes are seen in it; `root` becomes the working directory. Directories that are open
// already stay usable, and are the host's. Errors: StepError.
absl::Status EnterMountNamespace(const Directory& root);

// The second step: makes the working directory, which is `root`, the "/" of this process and
// detaches all else (pivot_root(2)). Answers with "/" as it is in the namespace. Errors: StepError.
absl::StatusOr<Directory> PivotIntoJail(const Directory& root);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_MOUNT_NAMESPACE_H_
