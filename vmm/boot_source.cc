// Puts everything a kernel needs into guest memory.

#include "vmm/boot_source.h"

#include <cstring>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/boot_state.h"
#include "vmm/guest_layout.h"
#include "vmm/memory_map.h"
#include "vmm/mp_table.h"
#include "vmm/pvh_start_info.h"
#include "vmm/system_table_area.h"
#include "vmm/virtio_slot.h"
#include "vmm/zero_page.h"

namespace mayfly {
namespace {

absl::StatusOr<GuestRange> WriteCommandLine(const BootSource& source, const LoadedKernel& kernel,
                                            const BootOptions& options, const GuestMemory& memory) {
  KernelCommandLine command_line = source.command_line;
  for (const VirtioMmioResource& device : options.virtio_devices) {
    RETURN_IF_ERROR(command_line.Append(VirtioCommandLineArgument(device)));
  }
  const std::string& text = command_line.text();
  if (text.size() > kernel.command_line_max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: the kernel takes a command line of at most %u bytes, this one has %u",
                        source.kernel.path(), kernel.command_line_max_bytes, text.size()));
  }
  // With the terminating NUL of c_str().
  const std::span<const char> characters(text.c_str(), text.size() + 1);
  const std::vector<uint8_t> bytes(characters.begin(), characters.end());
  RETURN_IF_ERROR(memory.Write(layout::kCommandLine, bytes));
  return GuestRange{layout::kCommandLine, text.size()};
}

absl::StatusOr<GuestAddress> WriteFirmwareTables(const BootOptions& options,
                                                 const GuestMemory& memory) {
  SystemTableArea area;
  RETURN_IF_ERROR(WriteMpTable(options.vcpu_count, memory, area));
  return WriteAcpiTables(
      {.vcpu_count = options.vcpu_count, .virtio_devices = options.virtio_devices}, memory, area);
}

}  // namespace

absl::StatusOr<BootEntry> PrepareBoot(const BootSource& source, const BootOptions& options,
                                      const GuestMemory& memory, PhaseTimeline& timeline) {
  ASSIGN_OR_RETURN(const LoadedKernel kernel, LoadKernel(source.kernel, memory, options.placement));
  timeline.Mark("load kernel");
  const std::vector<MemoryMapEntry> memory_map = BuildMemoryMap(memory);
  BootInfo info = {.memory_map = memory_map};
  if (source.initrd) {
    ASSIGN_OR_RETURN(info.initrd, LoadInitrd(*source.initrd, kernel, memory, options.placement));
    timeline.Mark("load initrd");
  }
  ASSIGN_OR_RETURN(info.command_line, WriteCommandLine(source, kernel, options, memory));
  ASSIGN_OR_RETURN(info.rsdp, WriteFirmwareTables(options, memory));
  if (kernel.protocol == BootProtocol::kPvh) {
    RETURN_IF_ERROR(WritePvhStartInfo(info, memory));
  } else {
    RETURN_IF_ERROR(WriteZeroPage(info, kernel.setup_header, memory));
  }
  RETURN_IF_ERROR(WriteBootTables(kernel.protocol, memory));
  timeline.Mark("write boot tables");
  return BootEntry{kernel.protocol, kernel.entry};
}

}  // namespace mayfly
