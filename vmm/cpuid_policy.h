// CPUID policy: what a guest's CPUs say about themselves, over what KVM supports.

#ifndef MAYFLY_VMM_CPUID_POLICY_H_
#define MAYFLY_VMM_CPUID_POLICY_H_

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mayfly {

struct CpuidConfig {
  uint32_t vcpu_count = 1;  // 1 to layout::kMaxVcpus
  bool smt = false;         // two vCPUs per core, as host siblings are
  // Frequency of the guest's TSC, so that the guest need not calibrate it; 0 when unknown.
  uint32_t tsc_khz = 0;
};

// Once per VM: turns KVM_GET_SUPPORTED_CPUID's answer into the table of every vCPU, with the APIC
// ids of vCPU 0. Executes no CPUID instruction for Intel (KVM's answer has all it needs) and none
// for AMD. CPUs of other vendors get the vendor-neutral part. InvalidArgument for a vCPU count out
// of range or a table without leaves 0 and 1.
absl::Status NormalizeCpuid(const CpuidConfig& config, std::vector<kvm_cpuid_entry2>& entries);

// Once per vCPU: writes the APIC id of vCPU `vcpu_index` (its index) to a table NormalizeCpuid
// made.
void SetCpuidApicId(uint32_t vcpu_index, std::span<kvm_cpuid_entry2> entries);

}  // namespace mayfly

#endif  // MAYFLY_VMM_CPUID_POLICY_H_
