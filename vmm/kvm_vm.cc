// VM ioctls of KVM.

#include "vmm/kvm_vm.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/kvm_ioctl.h"
#include "vmm/kvm_list_buffer.h"

namespace mayfly {

absl::Status KvmVm::SetUserMemoryRegion(const MemorySlot& slot) const {
  kvm_userspace_memory_region region = {
      .slot = slot.slot,
      .flags = slot.flags,
      .guest_phys_addr = slot.start.value(),
      .memory_size = slot.size_bytes,
      .userspace_addr = KvmArgument(slot.host_memory),
  };
  return KvmIoctl(fd_.get(), KVM_SET_USER_MEMORY_REGION, KvmArgument(&region),
                  "KVM_SET_USER_MEMORY_REGION")
      .status();
}

absl::Status KvmVm::SetTssAddr(GuestAddress address) const {
  return KvmIoctl(fd_.get(), KVM_SET_TSS_ADDR, address.value(), "KVM_SET_TSS_ADDR").status();
}

absl::Status KvmVm::CreateIrqchip() const {
  return KvmIoctl(fd_.get(), KVM_CREATE_IRQCHIP, 0, "KVM_CREATE_IRQCHIP").status();
}

absl::Status KvmVm::CreatePit2(uint32_t flags) const {
  kvm_pit_config config = {.flags = flags};
  return KvmIoctl(fd_.get(), KVM_CREATE_PIT2, KvmArgument(&config), "KVM_CREATE_PIT2").status();
}

absl::StatusOr<KvmVcpu> KvmVm::CreateVcpu(uint32_t id, size_t mmap_size_bytes) const {
  const auto fd = KvmIoctl(fd_.get(), KVM_CREATE_VCPU, id, "KVM_CREATE_VCPU");
  if (!fd.ok()) {
    return Annotate(fd.status(), absl::StrCat("vcpu ", id));
  }
  return KvmVcpu::Create(OwnedFd(*fd), mmap_size_bytes);
}

absl::Status KvmVm::Irqfd(int event_fd, uint32_t gsi) const {
  kvm_irqfd irqfd = {.fd = static_cast<__u32>(event_fd), .gsi = gsi};
  return KvmIoctl(fd_.get(), KVM_IRQFD, KvmArgument(&irqfd), "KVM_IRQFD").status();
}

absl::Status KvmVm::Ioeventfd(int event_fd, GuestAddress address, uint32_t size_bytes,
                              uint64_t data_match) const {
  kvm_ioeventfd ioeventfd = {.datamatch = data_match,
                             .addr = address.value(),
                             .len = size_bytes,
                             .fd = event_fd,
                             .flags = KVM_IOEVENTFD_FLAG_DATAMATCH};
  return KvmIoctl(fd_.get(), KVM_IOEVENTFD, KvmArgument(&ioeventfd), "KVM_IOEVENTFD").status();
}

absl::Status KvmVm::GetDirtyLog(uint32_t slot, std::span<uint64_t> bitmap) const {
  kvm_dirty_log log = {.slot = slot};
  log.dirty_bitmap = bitmap.data();
  return KvmIoctl(fd_.get(), KVM_GET_DIRTY_LOG, KvmArgument(&log), "KVM_GET_DIRTY_LOG").status();
}

absl::StatusOr<kvm_irqchip> KvmVm::GetIrqchip(uint32_t chip_id) const {
  kvm_irqchip chip = {.chip_id = chip_id};
  RETURN_IF_ERROR(KvmIoctl(fd_.get(), KVM_GET_IRQCHIP, KvmArgument(&chip), "KVM_GET_IRQCHIP"));
  return chip;
}

absl::Status KvmVm::SetIrqchip(const kvm_irqchip& chip) const {
  return KvmIoctl(fd_.get(), KVM_SET_IRQCHIP, KvmArgument(&chip), "KVM_SET_IRQCHIP").status();
}

absl::StatusOr<kvm_pit_state2> KvmVm::GetPit2() const {
  kvm_pit_state2 state = {};
  RETURN_IF_ERROR(KvmIoctl(fd_.get(), KVM_GET_PIT2, KvmArgument(&state), "KVM_GET_PIT2"));
  return state;
}

absl::Status KvmVm::SetPit2(const kvm_pit_state2& state) const {
  return KvmIoctl(fd_.get(), KVM_SET_PIT2, KvmArgument(&state), "KVM_SET_PIT2").status();
}

absl::StatusOr<kvm_clock_data> KvmVm::GetClock() const {
  kvm_clock_data clock = {};
  RETURN_IF_ERROR(KvmIoctl(fd_.get(), KVM_GET_CLOCK, KvmArgument(&clock), "KVM_GET_CLOCK"));
  return clock;
}

absl::Status KvmVm::SetClock(const kvm_clock_data& clock) const {
  return KvmIoctl(fd_.get(), KVM_SET_CLOCK, KvmArgument(&clock), "KVM_SET_CLOCK").status();
}

size_t KvmVm::GetXsaveSize() const {
  const int size_bytes =
      KvmIoctl(fd_.get(), KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2, "KVM_CHECK_EXTENSION").value_or(0);
  return std::max(static_cast<size_t>(size_bytes), sizeof(KvmXsave));
}

}  // namespace mayfly
