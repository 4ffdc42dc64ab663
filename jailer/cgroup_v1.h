// Control groups of version 1: one hierarchy for each controller or a few of them.

#ifndef MAYFLY_JAILER_CGROUP_V1_H_
#define MAYFLY_JAILER_CGROUP_V1_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "jailer/cgroup_mounts.h"
#include "jailer/cgroup_path.h"
#include "jailer/cgroup_setting.h"
#include "jailer/directory.h"
#include "jailer/rollback.h"

namespace mayfly {

// In the hierarchy of each controller that `settings` name: makes the groups, fills in what a new
// one does not have from the one above it, writes the values in their order and moves this process
// in. NotFound for a controller that is not mounted. Errors: StepError.
absl::Status JoinCgroupsV1(const CgroupMounts& mounts, const std::vector<CgroupSetting>& settings,
                           const JailCgroup& cgroup, Rollback& rollback);

// For each of `files`, from the top of `path` down: a group whose file is empty gets what is in
// that of the group above it. Without it no process can enter a new group of cpuset (kernel
// documentation, admin-guide/cgroup-v1/cpusets.rst).
absl::Status InheritCgroupValues(const std::vector<Directory>& path,
                                 const std::vector<std::string>& files);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_CGROUP_V1_H_
