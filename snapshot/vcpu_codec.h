// VcpuState and MachineState to tables of a state file and back.

#ifndef MAYFLY_SNAPSHOT_VCPU_CODEC_H_
#define MAYFLY_SNAPSHOT_VCPU_CODEC_H_

#include "absl/status/statusor.h"
#include "snapshot/state_generated.h"
#include "vmm/machine_state.h"
#include "vmm/vcpu_state.h"

namespace mayfly {

flatbuffers::Offset<fb::Vcpu> EncodeVcpu(const VcpuState& state,
                                         flatbuffers::FlatBufferBuilder& builder);
flatbuffers::Offset<fb::Machine> EncodeMachine(const MachineState& state,
                                               flatbuffers::FlatBufferBuilder& builder);

// Of verified tables. InvalidArgument, naming the field, for a structure of another size and for
// lists that are too long.
absl::StatusOr<VcpuState> DecodeVcpu(const fb::Vcpu& table);
absl::StatusOr<MachineState> DecodeMachine(const fb::Machine& table);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_VCPU_CODEC_H_
