// Writes the Linux zero page (struct boot_params) for the 64-bit boot protocol.

#ifndef MAYFLY_VMM_ZERO_PAGE_H_
#define MAYFLY_VMM_ZERO_PAGE_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "vmm/memory_map.h"

namespace mayfly {

// What either boot protocol hands to the kernel besides itself.
struct BootInfo {
  GuestRange command_line;  // size without the terminating NUL
  std::optional<GuestRange> initrd;
  std::span<const MemoryMapEntry> memory_map;
  GuestAddress rsdp;
};

// At layout::kZeroPage, from a bzImage's `setup_header` or, for an ELF kernel, an empty one
// (Documentation/arch/x86/zero-page.rst and boot.rst). InvalidArgument when the memory map has more
// entries than the page holds.
absl::Status WriteZeroPage(const BootInfo& info, std::span<const uint8_t> setup_header,
                           const GuestMemory& memory);

}  // namespace mayfly

#endif  // MAYFLY_VMM_ZERO_PAGE_H_
