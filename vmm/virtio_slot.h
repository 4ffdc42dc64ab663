// VirtioSlot: a virtio device plugged into the machine, with its window, interrupt and
// notifications.

#ifndef MAYFLY_VMM_VIRTIO_SLOT_H_
#define MAYFLY_VMM_VIRTIO_SLOT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "devices/bus.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_device.h"
#include "vmm/acpi_tables.h"
#include "vmm/irq_fd.h"
#include "vmm/kvm_vm.h"

namespace mayfly {

// Where `count` devices are: windows and interrupt lines in order. ResourceExhausted for more than
// layout::kMaxVirtioDevices.
absl::StatusOr<std::vector<VirtioMmioResource>> PlaceVirtioDevices(size_t count);

// "virtio_mmio.device=4K@0xc0001000:5", for guests that do not read ACPI tables.
std::string VirtioCommandLineArgument(const VirtioMmioResource& resource);

// Owned by MicroVm; loop thread.
class VirtioSlot {
 public:
  struct Machine {
    const KvmVm* vm = nullptr;
    EventLoop* loop = nullptr;
    const GuestMemory* memory = nullptr;
    Bus* mmio = nullptr;
  };

  // After CreateIrqchip. What `machine` names outlives the slot.
  static absl::StatusOr<std::unique_ptr<VirtioSlot>> Create(const Machine& machine,
                                                            const VirtioMmioResource& resource,
                                                            std::unique_ptr<VirtioDevice> device,
                                                            MmioTransport::Options options);

  MmioTransport& transport() { return *transport_; }

 private:
  VirtioSlot(std::unique_ptr<IrqFd> irq, std::unique_ptr<MmioTransport> transport)
      : irq_(std::move(irq)), transport_(std::move(transport)) {}

  std::unique_ptr<IrqFd> irq_;
  std::unique_ptr<MmioTransport> transport_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_VIRTIO_SLOT_H_
