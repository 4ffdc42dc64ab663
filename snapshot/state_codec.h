// SnapshotState to bytes and back.

#ifndef MAYFLY_SNAPSHOT_STATE_CODEC_H_
#define MAYFLY_SNAPSHOT_STATE_CODEC_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "snapshot/snapshot_state.h"

namespace mayfly {

// The FlatBuffer of snapshot/state.fbs. One of at least 8 bytes' alignment is read in place.
std::vector<uint8_t> EncodeState(const SnapshotState& state);

// Any bytes: checks the structure, the sizes of KVM's structures and that RAM is laid out as
// GuestRamRanges does it. Whether a VM can have such a state is for MicroVm::Restore to say.
// DataLoss for what is no such buffer, InvalidArgument naming the field otherwise.
absl::StatusOr<SnapshotState> DecodeState(std::span<const uint8_t> payload);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_STATE_CODEC_H_
