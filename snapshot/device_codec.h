// The devices' states to tables of a state file and back.

#ifndef MAYFLY_SNAPSHOT_DEVICE_CODEC_H_
#define MAYFLY_SNAPSHOT_DEVICE_CODEC_H_

#include "absl/status/statusor.h"
#include "devices/i8042.h"
#include "devices/serial_state.h"
#include "snapshot/state_generated.h"
#include "vmm/micro_vm_state.h"

namespace mayfly {

flatbuffers::Offset<fb::Serial> EncodeSerial(const SerialState& state,
                                             flatbuffers::FlatBufferBuilder& builder);
flatbuffers::Offset<fb::I8042> EncodeI8042(const I8042State& state,
                                           flatbuffers::FlatBufferBuilder& builder);
flatbuffers::Offset<fb::Disk> EncodeDisk(const DiskState& state,
                                         flatbuffers::FlatBufferBuilder& builder);
flatbuffers::Offset<fb::Network> EncodeNetwork(const NetworkState& state,
                                               flatbuffers::FlatBufferBuilder& builder);

// Of verified tables, whose contents the devices check as they are restored. InvalidArgument for
// lists that no device has as long.
SerialState DecodeSerial(const fb::Serial& table);
I8042State DecodeI8042(const fb::I8042& table);
absl::StatusOr<DiskState> DecodeDisk(const fb::Disk& table);
absl::StatusOr<NetworkState> DecodeNetwork(const fb::Network& table);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_DEVICE_CODEC_H_
