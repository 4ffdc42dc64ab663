// Opens KVM and makes a VM.

#include "vmm/prepared_kvm.h"

#include <utility>

#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {

absl::StatusOr<PreparedKvm> PreparedKvm::Create(std::span<const CapabilityModifier> modifiers) {
  ASSIGN_OR_RETURN(KvmSystem kvm, KvmSystem::Open());
  RETURN_IF_ERROR(kvm.CheckRequiredCapabilities(modifiers));
  ASSIGN_OR_RETURN(const size_t vcpu_mmap_bytes, kvm.GetVcpuMmapSize());
  ASSIGN_OR_RETURN(KvmVm vm, kvm.CreateVm());
  return PreparedKvm{
      .kvm = std::move(kvm), .vm = std::move(vm), .vcpu_mmap_bytes = vcpu_mmap_bytes};
}

absl::StatusOr<PreparedKvm> PreparedKvm::Take(std::optional<PreparedKvm>* waiting,
                                              std::span<const CapabilityModifier> modifiers) {
  if (waiting == nullptr || !waiting->has_value()) {
    return Create(modifiers);
  }
  PreparedKvm taken = *std::exchange(*waiting, std::nullopt);
  if (!modifiers.empty()) {
    RETURN_IF_ERROR(taken.kvm.CheckRequiredCapabilities(modifiers));
  }
  return taken;
}

absl::Status PreparedKvm::Complete() {
  if (first_vcpu) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(vm.SetTssAddr(layout::kTss));
  RETURN_IF_ERROR(vm.CreateIrqchip());
  RETURN_IF_ERROR(vm.CreatePit2(KVM_PIT_SPEAKER_DUMMY));
  ASSIGN_OR_RETURN(first_vcpu, vm.CreateVcpu(0, vcpu_mmap_bytes));
  return absl::OkStatus();
}

}  // namespace mayfly
