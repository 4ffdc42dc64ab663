// PreparedKvm: an empty KVM virtual machine, made while nobody waits for it.

#ifndef MAYFLY_VMM_PREPARED_KVM_H_
#define MAYFLY_VMM_PREPARED_KVM_H_

#include "absl/status/statusor.h"
#include "vmm/kvm_system.h"
#include "vmm/kvm_vm.h"

namespace mayfly {

// KVM_CREATE_VM is a fifth of what a restore takes, and needs nothing of the guest. All that
// follows does, as memory slots come first. Made and used on the loop thread; one VM takes it over.
struct PreparedKvm {
  KvmSystem kvm;
  KvmVm vm;

  // Errors: those of KvmSystem::Open and CreateVm.
  static absl::StatusOr<PreparedKvm> Create();
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_PREPARED_KVM_H_
