// Writes the Intel MultiProcessor tables, by which guests without ACPI find CPUs, IOAPIC and
// interrupts.

#ifndef MAYFLY_VMM_MP_TABLE_H_
#define MAYFLY_VMM_MP_TABLE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "vmm/system_table_area.h"

namespace mayfly {

// MP specification 1.4: floating pointer and configuration table with `vcpu_count` CPUs, an ISA
// bus, the IOAPIC, its 24 lines identity-mapped, ExtINT on LINT0 of CPU 0 and NMI on LINT1 of all.
// Must be the first user of `area`. InvalidArgument unless 1 <= vcpu_count <= layout::kMaxVcpus;
// OutOfRange when guest RAM ends below the tables.
absl::Status WriteMpTable(uint32_t vcpu_count, const GuestMemory& memory, SystemTableArea& area);

}  // namespace mayfly

#endif  // MAYFLY_VMM_MP_TABLE_H_
