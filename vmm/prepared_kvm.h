// PreparedKvm: a KVM virtual machine with what no guest's state decides, for one guest to take
// over.

#ifndef MAYFLY_VMM_PREPARED_KVM_H_
#define MAYFLY_VMM_PREPARED_KVM_H_

#include <cstddef>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/cpu_template.h"
#include "vmm/kvm_system.h"
#include "vmm/kvm_vcpu.h"
#include "vmm/kvm_vm.h"

namespace mayfly {

// The VM itself, its interrupt controllers and timer, and the first vCPU: together two fifths of
// what a restore takes, where none was made while nobody waited for it. Loop thread.
//
// Memory slots come before Complete, or long after it: it registers bus devices, and on kernels
// from about 6.17 on a slot that follows waits for their grace period, which ends some 7 ms later
// where the clock ticks 250 times a second.
struct PreparedKvm {
  KvmSystem kvm;
  KvmVm vm;
  size_t vcpu_mmap_bytes = 0;  // KvmSystem::GetVcpuMmapSize()
  // Absent before Complete.
  std::optional<KvmVcpu> first_vcpu = std::nullopt;

  // A VM without anything. FailedPrecondition where KVM lacks what every VM needs, which
  // `modifiers` change; else the failing call.
  static absl::StatusOr<PreparedKvm> Create(std::span<const CapabilityModifier> modifiers = {});
  // The one that waits in `waiting`, which may be null or empty; else as Create.
  static absl::StatusOr<PreparedKvm> Take(std::optional<PreparedKvm>* waiting,
                                          std::span<const CapabilityModifier> modifiers);

  // Makes what the VM has not yet: the controllers, the timer, the first vCPU. After an error the
  // VM is of no use.
  absl::Status Complete();
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_PREPARED_KVM_H_
