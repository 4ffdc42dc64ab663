// Interrupts through KVM_IRQFD.

#include "vmm/irq_fd.h"

#include <unistd.h>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<std::unique_ptr<IrqFd>> IrqFd::Create(const KvmVm& vm, uint32_t gsi) {
  ASSIGN_OR_RETURN(OwnedFd event_fd, CreateEventFd());
  RETURN_IF_ERROR(vm.Irqfd(event_fd.get(), gsi));
  return std::unique_ptr<IrqFd>(new IrqFd(std::move(event_fd)));
}

void IrqFd::Trigger() {
  const uint64_t one = 1;
  // KVM consumes every write at once, so the counter cannot overflow and the write cannot fail.
  (void)!write(event_fd_.get(), &one, sizeof(one));
}

}  // namespace mayfly
