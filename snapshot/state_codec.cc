// The root table of a state file.

#include "snapshot/state_codec.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/page_set.h"
#include "base/status.h"
#include "snapshot/device_codec.h"
#include "snapshot/state_generated.h"
#include "snapshot/struct_list.h"
#include "snapshot/vcpu_codec.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// Deeper or larger ones are not written.
constexpr flatbuffers::uoffset_t kMaxDepth = 16;
constexpr flatbuffers::uoffset_t kMaxTables = 10'000;

template <typename Table, typename State>
auto EncodeAll(const std::vector<State>& states,
               Offset<Table> (*encode)(const State&, FlatBufferBuilder&),
               FlatBufferBuilder& builder) {
  std::vector<Offset<Table>> tables;
  for (const State& state : states) {
    tables.push_back(encode(state, builder));
  }
  return builder.CreateVector(tables);
}

template <typename Table, typename State>
absl::Status DecodeAll(const flatbuffers::Vector<Offset<Table>>& tables,
                       absl::StatusOr<State> (*decode)(const Table&), size_t max_count,
                       absl::string_view what, std::vector<State>& states) {
  if (tables.size() > max_count) {
    return absl::InvalidArgumentError(absl::StrCat(tables.size(), " ", what, " are too many"));
  }
  for (const Table* table : tables) {
    ASSIGN_OR_RETURN(State state, decode(*table));
    states.push_back(std::move(state));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GuestRange>> DecodeRam(
    const flatbuffers::Vector<const fb::Range*>& ram) {
  std::vector<GuestRange> ranges;
  uint64_t size_bytes = 0;
  for (const fb::Range& range : StructList(ram)) {
    const auto sum = CheckedAdd(size_bytes, range.size_bytes());
    if (!sum) {
      return absl::InvalidArgumentError("its RAM is larger than an address space");
    }
    size_bytes = *sum;
    ranges.push_back({GuestAddress(range.start()), range.size_bytes()});
  }
  if (size_bytes == 0 || size_bytes % PageSet::kPageBytes != 0 ||
      ranges != GuestRamRanges(size_bytes)) {
    return absl::InvalidArgumentError("its RAM is not laid out as a guest's is");
  }
  return ranges;
}

constexpr HugePages kHugePages[] = {HugePages::kNone, HugePages::kTransparent, HugePages::k2M};

absl::StatusOr<HugePages> DecodeHugePages(uint8_t number) {
  if (number >= std::size(kHugePages)) {
    return absl::InvalidArgumentError("its kind of huge pages is unknown");
  }
  return kHugePages[number];
}

uint8_t EncodeHugePages(HugePages pages) {
  const auto* found = std::find(std::begin(kHugePages), std::end(kHugePages), pages);
  return static_cast<uint8_t>(found - std::begin(kHugePages));
}

VmClockState DecodeVmClock(const fb::VmClock& table) {
  return {.address = GuestAddress(table.address()),
          .sequence_count = table.sequence_count(),
          .disruption_marker = table.disruption_marker(),
          .generation_counter = table.generation_counter()};
}

absl::StatusOr<MicroVmState> DecodeVm(const fb::State& table) {
  MicroVmState vm = {
      .host_cpu = {.vendor = table.cpu_vendor()->str(), .signature = table.cpu_signature()},
      .serial = DecodeSerial(*table.serial()),
      .i8042 = DecodeI8042(*table.i8042()),
      .vm_generation = {.address = GuestAddress(table.vm_generation_address())},
      .vm_clock = DecodeVmClock(*table.vm_clock())};
  ASSIGN_OR_RETURN(vm.ram, DecodeRam(*table.ram()));
  ASSIGN_OR_RETURN(vm.huge_pages, DecodeHugePages(table.huge_pages()));
  RETURN_IF_ERROR(DecodeAll(*table.vcpus(), DecodeVcpu, layout::kMaxVcpus, "vCPUs", vm.vcpus));
  ASSIGN_OR_RETURN(vm.machine, DecodeMachine(*table.machine()));
  RETURN_IF_ERROR(
      DecodeAll(*table.disks(), DecodeDisk, layout::kMaxVirtioDevices, "disks", vm.disks));
  RETURN_IF_ERROR(DecodeAll(*table.networks(), DecodeNetwork, layout::kMaxVirtioDevices,
                            "network cards", vm.networks));
  return vm;
}

}  // namespace

std::vector<uint8_t> EncodeState(const SnapshotState& state) {
  FlatBufferBuilder builder;
  const MicroVmState& vm = state.vm;
  std::vector<fb::Range> ram;
  for (const GuestRange& range : vm.ram) {
    ram.emplace_back(range.start.value(), range.size_bytes);
  }
  const auto mayfly_version = builder.CreateString(state.mayfly_version);
  const auto cpu_vendor = builder.CreateString(vm.host_cpu.vendor);
  const auto config_json = builder.CreateString(state.config_json);
  const auto ranges = builder.CreateVectorOfStructs(ram);
  const auto vcpus = EncodeAll(vm.vcpus, EncodeVcpu, builder);
  const auto machine = EncodeMachine(vm.machine, builder);
  const auto serial = EncodeSerial(vm.serial, builder);
  const auto i8042 = EncodeI8042(vm.i8042, builder);
  const auto disks = EncodeAll(vm.disks, EncodeDisk, builder);
  const auto networks = EncodeAll(vm.networks, EncodeNetwork, builder);
  const auto vm_clock =
      fb::CreateVmClock(builder, vm.vm_clock.address.value(), vm.vm_clock.sequence_count,
                        vm.vm_clock.disruption_marker, vm.vm_clock.generation_counter);
  fb::FinishStateBuffer(
      builder, fb::CreateState(builder, state.id[0], state.id[1], state.created_unix_s,
                               mayfly_version, cpu_vendor, vm.host_cpu.signature, config_json,
                               ranges, EncodeHugePages(vm.huge_pages), vcpus, machine, serial,
                               i8042, disks, networks, vm.vm_generation.address.value(), vm_clock));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

absl::StatusOr<SnapshotState> DecodeState(std::span<const uint8_t> payload) {
  // Numbers are read where they are.
  if (reinterpret_cast<uintptr_t>(payload.data()) % sizeof(uint64_t) != 0) {
    const std::vector<uint8_t> aligned(payload.begin(), payload.end());
    return DecodeState(aligned);
  }
  flatbuffers::Verifier verifier(payload.data(), payload.size(), kMaxDepth, kMaxTables);
  if (!fb::VerifyStateBuffer(verifier)) {
    return absl::DataLossError("the state's structure is broken");
  }
  const fb::State& table = *fb::GetState(payload.data());
  SnapshotState state = {.id = {table.id_low(), table.id_high()},
                         .created_unix_s = table.created_unix_s(),
                         .mayfly_version = table.mayfly_version()->str(),
                         .config_json = table.config_json()->str()};
  ASSIGN_OR_RETURN(state.vm, DecodeVm(table));
  return state;
}

}  // namespace mayfly
