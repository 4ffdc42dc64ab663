// Opens, verifies and decodes.

#include "snapshot/snapshot_reader.h"

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "vmm/guest_layout.h"

namespace mayfly {

absl::StatusOr<SnapshotState> ReadSnapshot(const std::string& path, PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(const std::vector<uint8_t> file, ReadStateFile(path));
  timeline.Mark("read the state file");
  ASSIGN_OR_RETURN(const auto payload, UnframeState(file));
  ASSIGN_OR_RETURN(SnapshotState state, DecodeState(payload));
  timeline.Mark("verify the state");
  return state;
}

absl::Status CheckMemoryBelongs(const GuestMemory& memory, const SnapshotState& state) {
  using Id = std::array<uint64_t, 2>;
  static_assert(sizeof(Id) == layout::kSnapshotIdBytes);
  ASSIGN_OR_RETURN(const Id id, memory.ReadObject<Id>(layout::kSnapshotId));
  if (id != state.id) {
    return absl::DataLossError(
        "the memory file and the state file are not of the same snapshot (or its writing was cut "
        "off)");
  }
  return absl::OkStatus();
}

}  // namespace mayfly
