// RestoreVm: from a request's snapshot to a VM that is paused, with its console.

#ifndef MAYFLY_API_VM_RESTORE_H_
#define MAYFLY_API_VM_RESTORE_H_

#include "absl/status/statusor.h"
#include "api/machine.h"
#include "api/snapshot_request.h"

namespace mayfly {

// Loop thread. Errors are faults in Firecracker's words, those that come behind "Load snapshot
// error: ".
//
// Before it `environment`'s resources are new; they become those of the saved VM, with the
// request's overrides.
absl::StatusOr<Machine> RestoreVm(const SnapshotLoadRequest& request,
                                  const MachineEnvironment& environment, Console::Options console,
                                  MicroVm::Observer observer);

// A line of the log for each phase, where such lines are logged.
void LogRestorePhases(const PhaseTimeline& timeline);

}  // namespace mayfly

#endif  // MAYFLY_API_VM_RESTORE_H_
