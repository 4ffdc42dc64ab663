// Fills struct boot_params.

#include "vmm/zero_page.h"

#include <asm/bootparam.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "vmm/bzimage.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

static_assert(sizeof(boot_params) == 4096);
static_assert(offsetof(boot_params, hdr) == BzImage::kSetupHeaderOffset);

// boot.rst, "type_of_loader": a loader without an assigned number.
constexpr uint8_t kUndefinedLoader = 0xff;
constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint32_t kHeaderMagic = 0x53726448;  // "HdrS"
constexpr uint32_t kKernelAlignment = 0x1000000;

// The header of a kernel that has none of its own: ELF kernels read these fields only.
void FillElfHeader(setup_header& header) {
  header.boot_flag = kBootFlag;
  header.header = kHeaderMagic;
  header.kernel_alignment = kKernelAlignment;
}

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

absl::Status WriteZeroPage(const BootInfo& info, std::span<const uint8_t> setup_header,
                           const GuestMemory& memory) {
  boot_params params = {};
  if (setup_header.empty()) {
    FillElfHeader(params.hdr);
  } else {
    std::memcpy(&params.hdr, setup_header.data(),
                std::min(setup_header.size(), sizeof(params.hdr)));
  }
  params.hdr.type_of_loader = kUndefinedLoader;
  params.hdr.cmd_line_ptr = Low(info.command_line.start.value());
  params.ext_cmd_line_ptr = High(info.command_line.start.value());
  // ELF kernels check nothing; a bzImage's own limit was checked by the caller.
  if (setup_header.empty()) {
    params.hdr.cmdline_size = static_cast<__u32>(info.command_line.size_bytes);
  }
  if (info.initrd) {
    params.hdr.ramdisk_image = Low(info.initrd->start.value());
    params.ext_ramdisk_image = High(info.initrd->start.value());
    params.hdr.ramdisk_size = Low(info.initrd->size_bytes);
    params.ext_ramdisk_size = High(info.initrd->size_bytes);
  }
  params.acpi_rsdp_addr = info.rsdp.value();
  if (info.memory_map.size() > std::size(params.e820_table)) {
    return absl::InvalidArgumentError("the memory map has too many entries for the zero page");
  }
  params.e820_entries = static_cast<__u8>(info.memory_map.size());
  boot_e820_entry* entry = params.e820_table;
  for (const MemoryMapEntry& range : info.memory_map) {
    *entry++ = {.addr = range.range.start.value(),
                .size = range.range.size_bytes,
                .type = static_cast<__u32>(range.type)};
  }
  std::array<uint8_t, sizeof(params)> bytes;
  std::memcpy(bytes.data(), &params, sizeof(params));
  return memory.Write(layout::kZeroPage, bytes);
}

}  // namespace mayfly
