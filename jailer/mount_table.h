// MountTable: the mounts that this process sees.

#ifndef MAYFLY_JAILER_MOUNT_TABLE_H_
#define MAYFLY_JAILER_MOUNT_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// One line of /proc/PID/mountinfo (proc(5)). A plain value.
struct Mount {
  std::string mount_point;  // as seen from the root of the process
  std::string type;         // "ext4"
  std::string super_options;
};

// The mounts of `text`, which is the content of a mountinfo file, in its order; lines of another
// form are left out.
std::vector<Mount> ParseMountTable(absl::string_view text);

// Those of this process. Errors: StepError.
absl::StatusOr<std::vector<Mount>> ReadMountTable();

}  // namespace mayfly

#endif  // MAYFLY_JAILER_MOUNT_TABLE_H_
