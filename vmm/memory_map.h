// The memory map a guest is told: which physical ranges are RAM and which are reserved.

#ifndef MAYFLY_VMM_MEMORY_MAP_H_
#define MAYFLY_VMM_MEMORY_MAP_H_

#include <cstdint>
#include <vector>

#include "base/guest_address.h"
#include "base/guest_memory.h"

namespace mayfly {

// Type numbers of ACPI 6.5, table 15.1, which e820 and PVH share.
enum class MemoryType : uint32_t { kRam = 1, kReserved = 2 };

struct MemoryMapEntry {
  GuestRange range;
  MemoryType type = MemoryType::kRam;

  bool operator==(const MemoryMapEntry&) const = default;
};

// Sorted, without overlap: base memory below the firmware tables, the area from these to the RSDP,
// RAM from 1 MiB on around the holes, and the PCI configuration window, reserved though there is no
// PCI so that guests keep off it.
std::vector<MemoryMapEntry> BuildMemoryMap(const GuestMemory& memory);

}  // namespace mayfly

#endif  // MAYFLY_VMM_MEMORY_MAP_H_
