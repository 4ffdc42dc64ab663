// SnapshotState: what a state file says.

#ifndef MAYFLY_SNAPSHOT_SNAPSHOT_STATE_H_
#define MAYFLY_SNAPSHOT_SNAPSHOT_STATE_H_

#include <array>
#include <cstdint>
#include <string>

#include "vmm/micro_vm_state.h"

namespace mayfly {

// A plain value.
struct SnapshotState {
  // Random, and in the memory file as well (layout::kSnapshotId): a state and a memory file with
  // different ids are not of one snapshot.
  std::array<uint64_t, 2> id = {};
  int64_t created_unix_s = 0;
  std::string mayfly_version;
  // The VM's configuration, as the API shows it. Not interpreted here.
  std::string config_json;
  MicroVmState vm;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_SNAPSHOT_STATE_H_
