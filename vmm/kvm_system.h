// KvmSystem: /dev/kvm, the calls that concern no particular VM.

#ifndef MAYFLY_VMM_KVM_SYSTEM_H_
#define MAYFLY_VMM_KVM_SYSTEM_H_

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "vmm/cpu_template.h"
#include "vmm/kvm_vm.h"

namespace mayfly {

// Owned by whoever builds VMs. One method per ioctl of Documentation/virt/kvm/api.rst section 4
// ("system ioctl").
class KvmSystem {
 public:
  // Opens the device and checks its API version (12).
  static absl::StatusOr<KvmSystem> Open(const char* path = "/dev/kvm");

  // 0 where the capability is absent.
  int CheckExtension(unsigned capability) const;

  // FailedPrecondition naming every capability a micro-VM needs that this host's KVM lacks.
  // `modifiers` add to them or take away from them.
  absl::Status CheckRequiredCapabilities(std::span<const CapabilityModifier> modifiers = {}) const;

  absl::StatusOr<KvmVm> CreateVm() const;
  absl::StatusOr<size_t> GetVcpuMmapSize() const;
  absl::StatusOr<std::vector<kvm_cpuid_entry2>> GetSupportedCpuid() const;
  // The MSRs that KVM knows it has to save.
  absl::StatusOr<std::vector<uint32_t>> GetMsrIndexList() const;

 private:
  explicit KvmSystem(OwnedFd fd) : fd_(std::move(fd)) {}

  OwnedFd fd_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_KVM_SYSTEM_H_
