// JailProcesses: who still runs in a jail.

#ifndef MAYFLY_JAILER_JAIL_PROCESSES_H_
#define MAYFLY_JAILER_JAIL_PROCESSES_H_

#include <sys/types.h>

#include <optional>

#include "absl/status/statusor.h"
#include "jailer/directory.h"

namespace mayfly {

// A process whose root directory is `root`, of those that this process may look at: the pid file
// is in the hands of the jailed program. Errors: StepError.
absl::StatusOr<std::optional<pid_t>> FindProcessIn(const Directory& root);

// A process in the control group; 0 for one of another PID namespace. Errors: StepError.
absl::StatusOr<std::optional<pid_t>> FindMember(const Directory& cgroup);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAIL_PROCESSES_H_
