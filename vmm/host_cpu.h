// HostCpu: the processor a guest's state was made on, and whether it can go on here.

#ifndef MAYFLY_VMM_HOST_CPU_H_
#define MAYFLY_VMM_HOST_CPU_H_

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace mayfly {

// A plain value.
struct HostCpu {
  std::string vendor;      // of CPUID leaf 0: "GenuineIntel"
  uint32_t signature = 0;  // leaf 1 EAX: family, model and stepping

  bool operator==(const HostCpu&) const = default;
};

// This machine's.
const HostCpu& ThisHostCpu();

// FailedPrecondition when a guest with this CPUID, which ran on `origin`, cannot go on here:
// another vendor's processor, or an instruction set that this one lacks, which is named. Another
// model that has all of them passes.
absl::Status CheckHostCpu(const HostCpu& origin, std::span<const kvm_cpuid_entry2> guest_cpuid);

}  // namespace mayfly

#endif  // MAYFLY_VMM_HOST_CPU_H_
