// CgroupPath: the directories from the top of a hierarchy of control groups down to a jail's.

#ifndef MAYFLY_JAILER_CGROUP_PATH_H_
#define MAYFLY_JAILER_CGROUP_PATH_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jailer/directory.h"
#include "jailer/rollback.h"

namespace mayfly {

// PARENT/ID below the top.
struct JailCgroup {
  std::string parent;  // relative, of one or more components
  std::string id;

  std::vector<std::string> Components() const;
};

// From the top, first, to the jail's, last; what is not there is made. Errors: StepError.
absl::StatusOr<std::vector<Directory>> MakeCgroupPath(const Directory& top,
                                                      const JailCgroup& cgroup, Rollback& rollback);

// The group at `path` below the top, or empty when there is none.
absl::StatusOr<std::optional<Directory>> FindCgroup(const Directory& top, absl::string_view path);

// Moves this process into the group by its file `name` ("tasks" in version 1, "cgroup.procs" in 2),
// once; `rollback` moves it to `way_back`, a group of the same hierarchy, since no group that has a
// process can be removed. Errors: "Failed to move process to cgroup (PATH): text".
absl::Status MoveIntoCgroup(const Directory& group, const Directory& way_back,
                            const std::string& name, Rollback& rollback);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_CGROUP_PATH_H_
