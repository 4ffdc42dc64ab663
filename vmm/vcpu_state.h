// VcpuState: everything KVM holds of a virtual CPU, as a snapshot keeps it.

#ifndef MAYFLY_VMM_VCPU_STATE_H_
#define MAYFLY_VMM_VCPU_STATE_H_

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/kvm_vcpu.h"

namespace mayfly {

// A plain value. What it says of the guest KVM checks as it is set; Restore checks the sizes.
struct VcpuState {
  std::vector<kvm_cpuid_entry2> cpuid;
  std::vector<kvm_msr_entry> msrs;  // in the order in which they are set
  kvm_regs regs = {};
  kvm_sregs sregs = {};
  std::vector<uint8_t> xsave;
  kvm_xcrs xcrs = {};
  kvm_debugregs debugregs = {};
  kvm_lapic_state lapic = {};
  kvm_vcpu_events events = {};
  kvm_mp_state mp_state = {};
  uint32_t tsc_khz = 0;  // 0 where the host did not know
};

// Both for a vCPU that is not running, on the thread that may use it.
//
// `msrs` are those to save, FindGuestStateMsrs; `xsave_bytes` is KvmVm::GetXsaveSize().
absl::StatusOr<VcpuState> SaveVcpu(const KvmVcpu& vcpu, std::span<const uint32_t> msrs,
                                   size_t xsave_bytes);

// Into a new vCPU of the same id. InvalidArgument for lists that are too long, an MSR that is not a
// guest's (IsGuestStateMsr), an area for vector registers that is larger than this host's; else the
// call that KVM refused.
absl::Status RestoreVcpu(const VcpuState& state, size_t xsave_bytes, const KvmVcpu& vcpu);

}  // namespace mayfly

#endif  // MAYFLY_VMM_VCPU_STATE_H_
