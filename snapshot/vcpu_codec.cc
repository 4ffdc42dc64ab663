// KVM's structures as they are, the rest field by field.

#include "snapshot/vcpu_codec.h"

#include <cstring>
#include <type_traits>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "snapshot/struct_list.h"
#include "vmm/kvm_list_buffer.h"

namespace mayfly {
namespace {

using Bytes = flatbuffers::Vector<uint8_t>;

// Larger than any processor's registers are; tile data takes 8 KiB.
constexpr size_t kMaxXsaveBytes = size_t{1} << 20;
constexpr size_t kMaxMsrs = 1024;

template <typename T>
flatbuffers::Offset<Bytes> EncodeStruct(const T& value, flatbuffers::FlatBufferBuilder& builder) {
  static_assert(std::is_trivially_copyable_v<T>);
  return builder.CreateVector(reinterpret_cast<const uint8_t*>(&value), sizeof(value));
}

template <typename T>
absl::Status DecodeStruct(const Bytes& bytes, absl::string_view name, T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() != sizeof(value)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s has %u bytes, and not %u", name, bytes.size(), sizeof(value)));
  }
  std::memcpy(&value, bytes.data(), sizeof(value));
  return absl::OkStatus();
}

absl::Status TooMany(absl::string_view what, size_t count) {
  return absl::InvalidArgumentError(absl::StrFormat("%u %s are too many", count, what));
}

fb::Regs EncodeRegs(const kvm_regs& r) {
  return {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rsp, r.rbp, r.r8,
          r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip, r.rflags};
}

kvm_regs DecodeRegs(const fb::Regs& r) {
  return {.rax = r.rax(),
          .rbx = r.rbx(),
          .rcx = r.rcx(),
          .rdx = r.rdx(),
          .rsi = r.rsi(),
          .rdi = r.rdi(),
          .rsp = r.rsp(),
          .rbp = r.rbp(),
          .r8 = r.r8(),
          .r9 = r.r9(),
          .r10 = r.r10(),
          .r11 = r.r11(),
          .r12 = r.r12(),
          .r13 = r.r13(),
          .r14 = r.r14(),
          .r15 = r.r15(),
          .rip = r.rip(),
          .rflags = r.rflags()};
}

}  // namespace

flatbuffers::Offset<fb::Vcpu> EncodeVcpu(const VcpuState& state,
                                         flatbuffers::FlatBufferBuilder& builder) {
  std::vector<fb::CpuidEntry> cpuid;
  for (const kvm_cpuid_entry2& e : state.cpuid) {
    cpuid.emplace_back(e.function, e.index, e.flags, e.eax, e.ebx, e.ecx, e.edx);
  }
  std::vector<fb::Msr> msrs;
  for (const kvm_msr_entry& msr : state.msrs) {
    msrs.emplace_back(msr.index, msr.data);
  }
  const fb::Regs regs = EncodeRegs(state.regs);
  return fb::CreateVcpu(builder, &regs, builder.CreateVectorOfStructs(cpuid),
                        builder.CreateVectorOfStructs(msrs), state.tsc_khz, state.mp_state.mp_state,
                        EncodeStruct(state.sregs, builder), builder.CreateVector(state.xsave),
                        EncodeStruct(state.xcrs, builder), EncodeStruct(state.debugregs, builder),
                        EncodeStruct(state.lapic, builder), EncodeStruct(state.events, builder));
}

absl::StatusOr<VcpuState> DecodeVcpu(const fb::Vcpu& table) {
  if (table.cpuid()->size() > KvmCpuidBuffer::kMaxEntries) {
    return TooMany("CPUID entries", table.cpuid()->size());
  }
  if (table.msrs()->size() > kMaxMsrs) {
    return TooMany("MSRs", table.msrs()->size());
  }
  if (table.kvm_xsave()->size() > kMaxXsaveBytes) {
    return TooMany("bytes of vector registers", table.kvm_xsave()->size());
  }
  VcpuState state = {.regs = DecodeRegs(*table.regs()),
                     .xsave = {table.kvm_xsave()->begin(), table.kvm_xsave()->end()},
                     .mp_state = {.mp_state = table.mp_state()},
                     .tsc_khz = table.tsc_khz()};
  for (const fb::CpuidEntry& e : StructList(*table.cpuid())) {
    state.cpuid.push_back({.function = e.function(),
                           .index = e.index(),
                           .flags = e.flags(),
                           .eax = e.eax(),
                           .ebx = e.ebx(),
                           .ecx = e.ecx(),
                           .edx = e.edx()});
  }
  for (const fb::Msr& msr : StructList(*table.msrs())) {
    state.msrs.push_back({.index = msr.index(), .data = msr.value()});
  }
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_sregs(), "kvm_sregs", state.sregs));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_xcrs(), "kvm_xcrs", state.xcrs));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_debugregs(), "kvm_debugregs", state.debugregs));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_lapic_state(), "kvm_lapic_state", state.lapic));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_vcpu_events(), "kvm_vcpu_events", state.events));
  return state;
}

flatbuffers::Offset<fb::Machine> EncodeMachine(const MachineState& state,
                                               flatbuffers::FlatBufferBuilder& builder) {
  const bool has_realtime = (state.clock.flags & KVM_CLOCK_REALTIME) != 0;
  return fb::CreateMachine(
      builder, state.clock.clock, has_realtime ? state.clock.realtime : 0,
      EncodeStruct(state.pit, builder), EncodeStruct(state.pic_master, builder),
      EncodeStruct(state.pic_slave, builder), EncodeStruct(state.ioapic, builder));
}

absl::StatusOr<MachineState> DecodeMachine(const fb::Machine& table) {
  MachineState state = {.clock = {.clock = table.clock_ns()}};
  if (table.realtime_ns() != 0) {
    state.clock.flags = KVM_CLOCK_REALTIME;
    state.clock.realtime = table.realtime_ns();
  }
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_pit_state2(), "kvm_pit_state2", state.pit));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_pic_master(), "kvm_pic_master", state.pic_master));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_pic_slave(), "kvm_pic_slave", state.pic_slave));
  RETURN_IF_ERROR(DecodeStruct(*table.kvm_ioapic(), "kvm_ioapic", state.ioapic));
  return state;
}

}  // namespace mayfly
