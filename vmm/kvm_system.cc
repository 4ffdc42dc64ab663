// System ioctls of KVM.

#include "vmm/kvm_system.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "vmm/kvm_ioctl.h"
#include "vmm/kvm_list_buffer.h"

namespace mayfly {
namespace {

struct Capability {
  unsigned number;
  const char* name;
};

// What a micro-VM cannot do without.
constexpr std::array<Capability, 15> kRequiredCapabilities = {{
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    {KVM_CAP_PIT2, "KVM_CAP_PIT2"},
    {KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2"},
    {KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK"},
    {KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
    {KVM_CAP_XCRS, "KVM_CAP_XCRS"},
    {KVM_CAP_XSAVE, "KVM_CAP_XSAVE"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
}};

constexpr int kCreateVmAttempts = 5;

// Linux 6.18 has some 200; more makes the ioctl fail with E2BIG.
constexpr uint32_t kMaxListedMsrs = 2048;

}  // namespace

absl::StatusOr<KvmSystem> KvmSystem::Open(const char* path) {
  ASSIGN_OR_RETURN(OwnedFd fd, OwnedFd::Open(path, O_RDWR));
  const auto version = KvmIoctl(fd.get(), KVM_GET_API_VERSION, 0, "KVM_GET_API_VERSION");
  if (!version.ok()) {
    return Annotate(version.status(), absl::StrCat(path, " is not KVM"));
  }
  if (*version != KVM_API_VERSION) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": KVM API version ", *version, ", need ", KVM_API_VERSION));
  }
  return KvmSystem(std::move(fd));
}

int KvmSystem::CheckExtension(unsigned capability) const {
  return KvmIoctl(fd_.get(), KVM_CHECK_EXTENSION, capability, "KVM_CHECK_EXTENSION").value_or(0);
}

absl::Status KvmSystem::CheckRequiredCapabilities(
    std::span<const CapabilityModifier> modifiers) const {
  std::vector<std::string> missing;
  const auto is_excused = [&](unsigned number) {
    return std::any_of(modifiers.begin(), modifiers.end(), [&](const CapabilityModifier& one) {
      return one.number == number && !one.is_required;
    });
  };
  for (const Capability& capability : kRequiredCapabilities) {
    if (!is_excused(capability.number) && CheckExtension(capability.number) == 0) {
      missing.emplace_back(capability.name);
    }
  }
  for (const CapabilityModifier& modifier : modifiers) {
    if (modifier.is_required && CheckExtension(modifier.number) == 0) {
      missing.push_back(absl::StrFormat("%#x", modifier.number));
    }
  }
  if (missing.empty()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("/dev/kvm lacks ", absl::StrJoin(missing, ", ")));
}

absl::StatusOr<KvmVm> KvmSystem::CreateVm() const {
  for (int attempt = 1;; ++attempt) {
    auto fd = KvmIoctl(fd_.get(), KVM_CREATE_VM, 0, "KVM_CREATE_VM");
    if (fd.ok()) {
      return KvmVm(OwnedFd(*fd));
    }
    // A pending signal interrupts it (Documentation/virt/kvm/api.rst, 4.2); EINTR is kUnavailable.
    // errno itself may have changed while the Status was made.
    if (!absl::IsUnavailable(fd.status()) || attempt == kCreateVmAttempts) {
      return fd.status();
    }
  }
}

absl::StatusOr<size_t> KvmSystem::GetVcpuMmapSize() const {
  ASSIGN_OR_RETURN(const int size_bytes,
                   KvmIoctl(fd_.get(), KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE"));
  return static_cast<size_t>(size_bytes);
}

absl::StatusOr<std::vector<kvm_cpuid_entry2>> KvmSystem::GetSupportedCpuid() const {
  KvmCpuidBuffer buffer;
  RETURN_IF_ERROR(KvmIoctl(fd_.get(), kKvmGetSupportedCpuid, KvmArgument(buffer.Prepare()),
                           "KVM_GET_SUPPORTED_CPUID"));
  return buffer.Entries();
}

absl::StatusOr<std::vector<uint32_t>> KvmSystem::GetMsrIndexList() const {
  std::array<uint32_t, 1 + kMaxListedMsrs> list = {kMaxListedMsrs};
  RETURN_IF_ERROR(
      KvmIoctl(fd_.get(), kKvmGetMsrIndexList, KvmArgument(list.data()), "KVM_GET_MSR_INDEX_LIST"));
  const size_t count = std::min<size_t>(list[0], kMaxListedMsrs);
  return std::vector<uint32_t>(list.begin() + 1, list.begin() + 1 + static_cast<ptrdiff_t>(count));
}

}  // namespace mayfly
