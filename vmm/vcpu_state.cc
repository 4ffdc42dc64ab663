// Reads and writes a vCPU's state in the order that KVM needs.

#include "vmm/vcpu_state.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/kvm_list_buffer.h"
#include "vmm/msr_policy.h"

namespace mayfly {
namespace {

constexpr uint32_t kTsc = 0x10;
constexpr uint32_t kTscDeadline = 0x6e0;

absl::StatusOr<std::vector<kvm_msr_entry>> SaveMsrs(const KvmVcpu& vcpu,
                                                    std::span<const uint32_t> msrs) {
  std::vector<kvm_msr_entry> wanted;
  for (const uint32_t index : msrs) {
    wanted.push_back({.index = index});
  }
  std::vector<kvm_msr_entry> saved;
  for (size_t i = 0; i < wanted.size(); i += KvmMsrBuffer::kMaxEntries) {
    const size_t count = std::min(KvmMsrBuffer::kMaxEntries, wanted.size() - i);
    ASSIGN_OR_RETURN(const std::vector<kvm_msr_entry> part,
                     vcpu.GetMsrs({wanted.data() + i, count}));
    saved.insert(saved.end(), part.begin(), part.end());
  }
  return saved;
}

// A deadline that has passed reads as 0, whether or not its interrupt was seen: one too many is
// harmless, and one that is lost stops the guest's clock.
void RearmDeadline(std::vector<kvm_msr_entry>& msrs) {
  const auto find = [&](uint32_t index) {
    return std::find_if(msrs.begin(), msrs.end(),
                        [&](const kvm_msr_entry& one) { return one.index == index; });
  };
  const auto deadline = find(kTscDeadline);
  const auto tsc = find(kTsc);
  if (deadline != msrs.end() && deadline->data == 0 && tsc != msrs.end()) {
    deadline->data = tsc->data;
  }
}

absl::Status RestoreMsrs(std::span<const kvm_msr_entry> msrs, const KvmVcpu& vcpu) {
  for (const kvm_msr_entry& msr : msrs) {
    if (!IsGuestStateMsr(msr.index)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("MSR %#x is not part of a guest's state", msr.index));
    }
  }
  while (!msrs.empty()) {
    const size_t count = std::min(KvmMsrBuffer::kMaxEntries, msrs.size());
    RETURN_IF_ERROR(vcpu.SetMsrs(msrs.first(count)));
    msrs = msrs.subspan(count);
  }
  return absl::OkStatus();
}

absl::Status RestoreXsave(std::span<const uint8_t> xsave, size_t xsave_bytes, const KvmVcpu& vcpu) {
  if (xsave.size() == xsave_bytes) {
    return vcpu.SetXsave(xsave);
  }
  if (xsave.size() > xsave_bytes || xsave.size() < sizeof(KvmXsave)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vector registers take %u bytes in the snapshot and %u on this host",
                        xsave.size(), xsave_bytes));
  }
  std::vector<uint8_t> area(xsave.begin(), xsave.end());
  area.resize(xsave_bytes);
  return vcpu.SetXsave(area);
}

}  // namespace

absl::StatusOr<VcpuState> SaveVcpu(const KvmVcpu& vcpu, std::span<const uint32_t> msrs,
                                   size_t xsave_bytes) {
  VcpuState state;
  // First, as KVM completes pending start-up interrupts by it.
  ASSIGN_OR_RETURN(state.mp_state, vcpu.GetMpState());
  ASSIGN_OR_RETURN(state.regs, vcpu.GetRegs());
  ASSIGN_OR_RETURN(state.sregs, vcpu.GetSregs());
  ASSIGN_OR_RETURN(state.xsave, vcpu.GetXsave(xsave_bytes));
  ASSIGN_OR_RETURN(state.xcrs, vcpu.GetXcrs());
  ASSIGN_OR_RETURN(state.debugregs, vcpu.GetDebugregs());
  ASSIGN_OR_RETURN(state.lapic, vcpu.GetLapic());
  state.tsc_khz = vcpu.GetTscKhz().value_or(0);
  ASSIGN_OR_RETURN(state.cpuid, vcpu.GetCpuid2());
  ASSIGN_OR_RETURN(state.msrs, SaveMsrs(vcpu, msrs));
  RearmDeadline(state.msrs);
  ASSIGN_OR_RETURN(state.events, vcpu.GetVcpuEvents());
  return state;
}

// CPUID says what all others may hold; the local APIC needs its base (sregs), the timer's deadline
// the APIC, and events come last, as the others clear them.
absl::Status RestoreVcpu(const VcpuState& state, size_t xsave_bytes, const KvmVcpu& vcpu) {
  RETURN_IF_ERROR(vcpu.SetCpuid2(state.cpuid));
  RETURN_IF_ERROR(vcpu.SetMpState(state.mp_state));
  RETURN_IF_ERROR(vcpu.SetRegs(state.regs));
  RETURN_IF_ERROR(vcpu.SetSregs(state.sregs));
  if (state.xcrs.nr_xcrs > 0) {
    RETURN_IF_ERROR(vcpu.SetXcrs(state.xcrs));
  }
  RETURN_IF_ERROR(RestoreXsave(state.xsave, xsave_bytes, vcpu));
  RETURN_IF_ERROR(vcpu.SetDebugregs(state.debugregs));
  RETURN_IF_ERROR(vcpu.SetLapic(state.lapic));
  RETURN_IF_ERROR(RestoreMsrs(state.msrs, vcpu));
  return vcpu.SetVcpuEvents(state.events);
}

}  // namespace mayfly
