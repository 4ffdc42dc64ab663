// Reads snapshots: the state file, and whether a memory file belongs to it.

#ifndef MAYFLY_SNAPSHOT_SNAPSHOT_READER_H_
#define MAYFLY_SNAPSHOT_SNAPSHOT_READER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/phase_timeline.h"
#include "snapshot/snapshot_state.h"

namespace mayfly {

// The checked contents of the state file at `path`; what they say is for MicroVm::Restore to check.
// Errors: those of ReadStateFile, UnframeState and DecodeState.
absl::StatusOr<SnapshotState> ReadSnapshot(const std::string& path, PhaseTimeline& timeline);

// DataLoss when `memory` is not the RAM that was saved with `state`: a file that was exchanged, or
// a snapshot whose writing was cut off between its two files.
absl::Status CheckMemoryBelongs(const GuestMemory& memory, const SnapshotState& state);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_SNAPSHOT_READER_H_
