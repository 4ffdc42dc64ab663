// ConfineMonitor: gives up, in the monitor's own process, all that it does not need.

#ifndef MAYFLY_JAILER_CONFINEMENT_H_
#define MAYFLY_JAILER_CONFINEMENT_H_

#include "absl/status/statusor.h"
#include "base/thread_hooks.h"

namespace mayfly {

// A Confine (base/thread_hooks.h), whoever started the monitor: in a jail it adds to what the
// jailer took away, and without one it is all there is.
//
// At once, for the process: no_new_privs, no core dump, Landlock (jailer/landlock.h), the filter
// `start`. By the hooks, for each thread: the filter `loop` or `vcpu`, and no capabilities but
// those by which root opens the files of others. Without seccomp only the filters are left out.
//
// Errors: the failing call; for a file of filters Firecracker's words, "Seccomp error: Filter
// deserialization failed: reason".
absl::StatusOr<ThreadHooks> ConfineMonitor(const ConfinementOptions& options);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_CONFINEMENT_H_
