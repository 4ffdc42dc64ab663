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

// Does what a restore does with texts, so that the next one meets tables that are made and code
// that is in memory.
void WarmUpRestore();

// Logs how long each phase of a restore took, and when vCPU 0 first entered the guest, unless that
// is 0 (MicroVm::first_run_us).
void LogRestore(const PhaseTimeline& timeline, int64_t first_run_us);

}  // namespace mayfly

#endif  // MAYFLY_API_VM_RESTORE_H_
