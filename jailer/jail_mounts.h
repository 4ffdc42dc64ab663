// JailMounts: what is mounted in a jail.

#ifndef MAYFLY_JAILER_JAIL_MOUNTS_H_
#define MAYFLY_JAILER_JAIL_MOUNTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "jailer/directory.h"
#include "jailer/mount_table.h"

namespace mayfly {

// The mount points of `table` below the directory `path`, but not itself, without that path before
// them; in the order of unmounting.
std::vector<std::string> MountPointsBelow(const std::vector<Mount>& table, absl::string_view path);

// Detaches all that is mounted below `jail`, and nothing else: each mount point is reached from
// there without links. Errors: StepError.
absl::Status DetachMountsBelow(const Directory& jail);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAIL_MOUNTS_H_
