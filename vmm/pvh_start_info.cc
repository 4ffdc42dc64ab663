// Fills struct hvm_start_info and what it points to.

#include "vmm/pvh_start_info.h"

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint32_t kStartMagic = 0x336ec578;
constexpr uint64_t kMemoryMapMaxEntries = 128;

struct StartInfo {
  uint32_t magic = kStartMagic;
  uint32_t version = 1;
  uint32_t flags = 0;
  uint32_t module_count = 0;
  uint64_t module_list_address = 0;
  uint64_t command_line_address = 0;
  uint64_t rsdp_address = 0;
  uint64_t memory_map_address = 0;
  uint32_t memory_map_count = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(StartInfo) == 56);

struct ModuleEntry {
  uint64_t address = 0;
  uint64_t size_bytes = 0;
  uint64_t command_line_address = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(ModuleEntry) == 32);

struct MapEntry {
  uint64_t address = 0;
  uint64_t size_bytes = 0;
  uint32_t type = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(MapEntry) == 24);

static_assert(layout::kPvhStartInfo.value() + sizeof(StartInfo) <= layout::kPvhModuleList.value());
static_assert(layout::kPvhMemoryMap.value() + kMemoryMapMaxEntries * sizeof(MapEntry) <=
              layout::kBootStack.value());

}  // namespace

absl::Status WritePvhStartInfo(const BootInfo& info, const GuestMemory& memory) {
  if (info.memory_map.size() > kMemoryMapMaxEntries) {
    return absl::InvalidArgumentError("the memory map has too many entries for PVH");
  }
  StartInfo start = {.command_line_address = info.command_line.start.value(),
                     .rsdp_address = info.rsdp.value(),
                     .memory_map_address = layout::kPvhMemoryMap.value(),
                     .memory_map_count = static_cast<uint32_t>(info.memory_map.size())};
  if (info.initrd) {
    start.module_count = 1;
    start.module_list_address = layout::kPvhModuleList.value();
    RETURN_IF_ERROR(memory.WriteObject(
        layout::kPvhModuleList,
        ModuleEntry{.address = info.initrd->start.value(), .size_bytes = info.initrd->size_bytes}));
  }
  uint64_t address = layout::kPvhMemoryMap.value();
  for (const MemoryMapEntry& entry : info.memory_map) {
    RETURN_IF_ERROR(memory.WriteObject(GuestAddress(address),
                                       MapEntry{.address = entry.range.start.value(),
                                                .size_bytes = entry.range.size_bytes,
                                                .type = static_cast<uint32_t>(entry.type)}));
    address += sizeof(MapEntry);
  }
  return memory.WriteObject(layout::kPvhStartInfo, start);
}

}  // namespace mayfly
