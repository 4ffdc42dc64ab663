// JailCleaning: removes what a jail left behind.

#ifndef MAYFLY_JAILER_JAIL_CLEANING_H_
#define MAYFLY_JAILER_JAIL_CLEANING_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "jailer/cgroup_path.h"
#include "jailer/cgroup_setting.h"
#include "jailer/jail_folder.h"

namespace mayfly {

// Which jail, and where. A plain value.
struct JailRemains {
  std::string base;
  JailName name;
  // Who the folders must belong to, if not to root.
  uid_t owner = 0;
  JailCgroup cgroup;
  // Both when absent.
  std::optional<CgroupVersion> cgroup_version;
};

// Removes the folder of the jail, with what is mounted in it, and its control groups; the groups
// and folders of all jails stay. OK, too, when nothing is there. FailedPrecondition, and nothing
// is removed, while a process of the jail runs. Errors: StepError.
absl::Status CleanJail(const JailRemains& remains);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAIL_CLEANING_H_
