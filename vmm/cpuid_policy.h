// CPUID policy: what a guest's CPUs say about themselves, over what KVM supports.

#ifndef MAYFLY_VMM_CPUID_POLICY_H_
#define MAYFLY_VMM_CPUID_POLICY_H_

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace mayfly {

struct CpuidConfig {
  uint32_t vcpu_count = 1;  // 1 to layout::kMaxVcpus
  bool smt = false;         // two vCPUs to a core; vCPUs 2n and 2n+1 are siblings
  // Frequency of the guest's TSC; 0 when unknown. Intel guests learn it from the brand string, and
  // from leaves 0x15 and 0x16 where those can state it to one part in a million. AMD has no such
  // leaf.
  uint32_t tsc_khz = 0;
};

// Once per VM: turns KVM_GET_SUPPORTED_CPUID's answer into the table of every vCPU, with the APIC
// ids of vCPU 0. One package; topology and cache sharing as configured; hypervisor bit and TSC
// deadline timer on; VMX, SVM and the performance counters off; a brand string of our own. CPUs
// that are neither Intel's nor AMD's get the part that is common to both.
//
// Executes no CPUID instruction: on a host that is itself a guest each one traps. InvalidArgument
// for a vCPU count out of range or a table without leaves 0 and 1.
absl::Status NormalizeCpuid(const CpuidConfig& config, std::vector<kvm_cpuid_entry2>& entries);

// Once per vCPU: writes the APIC id of vCPU `vcpu_index`, which is its index, to a table that
// NormalizeCpuid made.
void SetCpuidApicId(uint32_t vcpu_index, std::span<kvm_cpuid_entry2> entries);

}  // namespace mayfly

#endif  // MAYFLY_VMM_CPUID_POLICY_H_
