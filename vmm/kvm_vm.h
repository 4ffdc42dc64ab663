// KvmVm: a KVM virtual machine's descriptor and its ioctls.

#ifndef MAYFLY_VMM_KVM_VM_H_
#define MAYFLY_VMM_KVM_VM_H_

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/owned_fd.h"
#include "vmm/kvm_vcpu.h"

namespace mayfly {

// Owned by MicroVm. One method per "vm ioctl" of Documentation/virt/kvm/api.rst, without policy.
//
// Order: SetUserMemoryRegion for every slot comes before CreateIrqchip, CreatePit2 and ioeventfds,
// or long after them: from Linux 6.17 on a slot waits for the SRCU grace period that they begin.
// CreateIrqchip comes before the first CreateVcpu.
class KvmVm {
 public:
  struct MemorySlot {
    uint32_t slot = 0;
    GuestAddress start;
    uint64_t size_bytes = 0;
    // Host memory that outlives the VM; page aligned.
    uint8_t* host_memory = nullptr;
    uint32_t flags = 0;  // KVM_MEM_*
  };

  explicit KvmVm(OwnedFd fd) : fd_(std::move(fd)) {}

  absl::Status SetUserMemoryRegion(const MemorySlot& slot) const;
  // Three pages in the guest's address space that KVM uses on hosts without unrestricted guests.
  absl::Status SetTssAddr(GuestAddress address) const;
  absl::Status CreateIrqchip() const;
  absl::Status CreatePit2(uint32_t flags) const;
  // `mmap_size_bytes` is KvmSystem::GetVcpuMmapSize().
  absl::StatusOr<KvmVcpu> CreateVcpu(uint32_t id, size_t mmap_size_bytes) const;
  // Every write to the eventfd raises an edge on `gsi`.
  absl::Status Irqfd(int event_fd, uint32_t gsi) const;
  // A guest's write of `size_bytes` (1, 2, 4 or 8) bytes to `address` that equals `data_match`
  // signals the eventfd, and no vCPU leaves KVM for it.
  absl::Status Ioeventfd(int event_fd, GuestAddress address, uint32_t size_bytes,
                         uint64_t data_match) const;
  // The bitmap of pages (4 KiB, lowest first) written since the last call. `bitmap` holds a bit per
  // page of the slot, rounded up to 64.
  absl::Status GetDirtyLog(uint32_t slot, std::span<uint64_t> bitmap) const;
  // One of the three chips, KVM_IRQCHIP_*.
  absl::StatusOr<kvm_irqchip> GetIrqchip(uint32_t chip_id) const;
  absl::Status SetIrqchip(const kvm_irqchip& chip) const;
  absl::StatusOr<kvm_pit_state2> GetPit2() const;
  absl::Status SetPit2(const kvm_pit_state2& state) const;
  absl::StatusOr<kvm_clock_data> GetClock() const;
  absl::Status SetClock(const kvm_clock_data& clock) const;
  // How large a vCPU's XSAVE area is (KVM_CAP_XSAVE2), at least 4096 bytes.
  size_t GetXsaveSize() const;

 private:
  OwnedFd fd_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_KVM_VM_H_
