// The DSDT's content: the devices and the power-off state a guest learns from ACPI.

#ifndef MAYFLY_VMM_DSDT_H_
#define MAYFLY_VMM_DSDT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/guest_address.h"

namespace mayfly {

class AmlBuilder;

// Where one virtio-mmio transport is: layout::kVirtioMmioSizeBytes of registers and an interrupt of
// its own.
struct VirtioMmioResource {
  GuestAddress address;  // below 4 GiB
  uint32_t gsi = 0;      // layout::kFirstVirtioGsi to layout::kLastVirtioGsi
};

// Appends the definition block after the table header: \_SB_ with V000 on for the virtio devices,
// COM1, PS2_, VGEN and VCLK (VMGenID and VMClock) and GED_, whose interrupts notify these two, and
// \_S5_.
void AppendDsdt(std::span<const VirtioMmioResource> virtio_devices, AmlBuilder& aml);

}  // namespace mayfly

#endif  // MAYFLY_VMM_DSDT_H_
