// Control groups of version 2: one hierarchy for all controllers.

#ifndef MAYFLY_JAILER_CGROUP_V2_H_
#define MAYFLY_JAILER_CGROUP_V2_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "jailer/cgroup_mounts.h"
#include "jailer/cgroup_path.h"
#include "jailer/cgroup_setting.h"
#include "jailer/rollback.h"

namespace mayfly {

// Makes the jail's group, gives it the controllers that `settings` name by way of all groups above
// it, writes the values in their order and moves this process in. NotFound for a controller that
// the host has not. Errors: StepError. See the kernel's documentation, admin-guide/cgroup-v2.rst.
absl::Status JoinCgroupV2(const CgroupMounts& mounts, const std::vector<CgroupSetting>& settings,
                          const JailCgroup& cgroup, Rollback& rollback);

// For a jail without settings: moves this process into the group `parent` where there is one, and
// does nothing otherwise.
absl::Status JoinParentCgroupV2(const CgroupMounts& mounts, const std::string& parent,
                                Rollback& rollback);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_CGROUP_V2_H_
