// Builds the guest's memory map.

#include "vmm/memory_map.h"

#include "vmm/guest_layout.h"

namespace mayfly {

std::vector<MemoryMapEntry> BuildMemoryMap(const GuestMemory& memory) {
  std::vector<MemoryMapEntry> map;
  const auto add = [&map](GuestAddress start, GuestAddress end, MemoryType type) {
    if (start < end) {
      map.push_back({{start, end.value() - start.value()}, type});
    }
  };
  add(GuestAddress(0), layout::kSystemTables, MemoryType::kRam);
  add(layout::kSystemTables, layout::kSystemAreaEnd, MemoryType::kReserved);
  bool mmconfig_added = false;
  for (const GuestMemory::Region& region : memory.regions()) {
    const GuestRange range = region.range();
    if (range.start > layout::kPciMmconfig && !mmconfig_added) {
      map.push_back({{layout::kPciMmconfig, layout::kPciMmconfigSizeBytes}, MemoryType::kReserved});
      mmconfig_added = true;
    }
    const bool is_first = range.start == GuestAddress(0);
    add(is_first ? layout::kHighRam : range.start, range.end().value_or(range.start),
        MemoryType::kRam);
  }
  if (!mmconfig_added) {
    map.push_back({{layout::kPciMmconfig, layout::kPciMmconfigSizeBytes}, MemoryType::kReserved});
  }
  return map;
}

}  // namespace mayfly
