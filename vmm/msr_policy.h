// Which MSRs belong to a guest's state.

#ifndef MAYFLY_VMM_MSR_POLICY_H_
#define MAYFLY_VMM_MSR_POLICY_H_

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm/kvm_vcpu.h"

namespace mayfly {

// KVM's own, for paravirtual guests: clocks, steal time, asynchronous page faults, and on some
// hosts more than KVM_GET_MSR_INDEX_LIST tells of.
inline constexpr uint32_t kFirstKvmMsr = 0x4b564d00;
inline constexpr uint32_t kLastKvmMsr = 0x4b564dff;

// Whether a snapshot keeps that MSR: what the guest sets up and expects to find again. Not kept:
// performance counters, nested virtualization, Hyper-V's, and what describes the host.
bool IsGuestStateMsr(uint32_t index);

// Of `listed` (KvmSystem::GetMsrIndexList) those that belong to the state and that `vcpu`, which is
// not running, can read, and of KVM's own that are not listed those that can be set to what was
// read (which is done to find out). The deadline of the timer is the last one, as it counts only
// once the rest is set.
std::vector<uint32_t> FindGuestStateMsrs(std::span<const uint32_t> listed, const KvmVcpu& vcpu);

}  // namespace mayfly

#endif  // MAYFLY_VMM_MSR_POLICY_H_
