// Plugs virtio devices in.

#include "vmm/virtio_slot.h"

#include <cstdint>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "devices/virtio/mmio_registers.h"
#include "vmm/guest_layout.h"

namespace mayfly {

absl::StatusOr<std::vector<VirtioMmioResource>> PlaceVirtioDevices(size_t count) {
  if (count > layout::kMaxVirtioDevices) {
    return absl::ResourceExhaustedError(absl::StrCat("a VM has at most ", layout::kMaxVirtioDevices,
                                                     " disks and network cards together, not ",
                                                     count));
  }
  std::vector<VirtioMmioResource> resources;
  for (size_t i = 0; i < count; ++i) {
    resources.push_back(
        {.address = GuestAddress(layout::kVirtioMmio.value() + i * layout::kVirtioMmioSizeBytes),
         .gsi = layout::kFirstVirtioGsi + static_cast<uint32_t>(i)});
  }
  return resources;
}

std::string VirtioCommandLineArgument(const VirtioMmioResource& resource) {
  return absl::StrFormat("virtio_mmio.device=%uK@%#x:%u", layout::kVirtioMmioSizeBytes >> 10,
                         resource.address.value(), resource.gsi);
}

absl::StatusOr<std::unique_ptr<VirtioSlot>> VirtioSlot::Create(const Machine& machine,
                                                               const VirtioMmioResource& resource,
                                                               std::unique_ptr<VirtioDevice> device,
                                                               MmioTransport::Options options) {
  ASSIGN_OR_RETURN(std::unique_ptr<IrqFd> irq, IrqFd::Create(*machine.vm, resource.gsi));
  ASSIGN_OR_RETURN(std::unique_ptr<MmioTransport> transport,
                   MmioTransport::Create(machine.loop, machine.memory, irq.get(), std::move(device),
                                         std::move(options)));
  const GuestAddress notify(resource.address.value() + mmio::kQueueNotify);
  const std::span<const OwnedFd> event_fds = transport->queue_event_fds();
  for (size_t i = 0; i < event_fds.size(); ++i) {
    RETURN_IF_ERROR(machine.vm->Ioeventfd(event_fds[i].get(), notify, sizeof(uint32_t), i));
  }
  RETURN_IF_ERROR(
      machine.mmio->Attach(resource.address.value(), mmio::kWindowBytes, transport.get()));
  return std::unique_ptr<VirtioSlot>(new VirtioSlot(std::move(irq), std::move(transport)));
}

}  // namespace mayfly
