// Opens KVM and makes a VM.

#include "vmm/prepared_kvm.h"

#include <utility>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<PreparedKvm> PreparedKvm::Create() {
  ASSIGN_OR_RETURN(KvmSystem kvm, KvmSystem::Open());
  ASSIGN_OR_RETURN(KvmVm vm, kvm.CreateVm());
  return PreparedKvm{.kvm = std::move(kvm), .vm = std::move(vm)};
}

}  // namespace mayfly
