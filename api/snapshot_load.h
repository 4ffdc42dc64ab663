// What loading a snapshot does before there is a VM: reads its files and configures what it needs.

#ifndef MAYFLY_API_SNAPSHOT_LOAD_H_
#define MAYFLY_API_SNAPSHOT_LOAD_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/snapshot_request.h"
#include "api/vm_resources.h"
#include "base/guest_memory.h"
#include "base/owned_fd.h"
#include "base/phase_timeline.h"
#include "snapshot/snapshot_state.h"

namespace mayfly {

struct LoadedSnapshot {
  SnapshotState state;
  GuestMemory memory;
  // With a userfault handler, kept as long as the VM runs (UserfaultMemory).
  OwnedFd userfault_fd;
  OwnedFd userfault_socket;
};

// Reads the state file, makes `resources`, which are new, those of the saved VM with the request's
// overrides in their places (disks and TAPs are opened then, and have to exist), and makes the
// guest's memory. Errors are faults in Firecracker's words, those that come behind "Failed to
// restore from snapshot: "; those of files name them.
absl::StatusOr<LoadedSnapshot> LoadSnapshotFiles(const SnapshotLoadRequest& request,
                                                 VmResources& resources, PhaseTimeline& timeline);

}  // namespace mayfly

#endif  // MAYFLY_API_SNAPSHOT_LOAD_H_
