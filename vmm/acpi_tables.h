// Writes the ACPI tables by which a guest finds CPUs, interrupts, legacy devices, virtio-mmio
// devices and power-off.

#ifndef MAYFLY_VMM_ACPI_TABLES_H_
#define MAYFLY_VMM_ACPI_TABLES_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "vmm/dsdt.h"
#include "vmm/system_table_area.h"

namespace mayfly {

struct AcpiConfig {
  uint32_t vcpu_count = 1;  // 1 to layout::kMaxVcpus
  std::span<const VirtioMmioResource> virtio_devices;
};

// ACPI 6.5, hardware-reduced: DSDT, FADT, MADT and XSDT in `area`, in this order, and the RSDP at
// layout::kRsdp, whose address is returned. InvalidArgument for a bad config, ResourceExhausted
// when `area` is full, OutOfRange when guest RAM ends below the tables.
absl::StatusOr<GuestAddress> WriteAcpiTables(const AcpiConfig& config, const GuestMemory& memory,
                                             SystemTableArea& area);

}  // namespace mayfly

#endif  // MAYFLY_VMM_ACPI_TABLES_H_
