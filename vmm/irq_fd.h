// IrqFd: an interrupt line that is an eventfd KVM listens to.

#ifndef MAYFLY_VMM_IRQ_FD_H_
#define MAYFLY_VMM_IRQ_FD_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "devices/irq_line.h"
#include "vmm/kvm_vm.h"

namespace mayfly {

// Owned by MicroVm. Any thread may trigger it.
class IrqFd : public IrqLine {
 public:
  // Call after KvmVm::CreateIrqchip.
  static absl::StatusOr<std::unique_ptr<IrqFd>> Create(const KvmVm& vm, uint32_t gsi);

  void Trigger() override;

 private:
  explicit IrqFd(OwnedFd event_fd) : event_fd_(std::move(event_fd)) {}

  OwnedFd event_fd_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_IRQ_FD_H_
