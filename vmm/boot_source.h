// BootSource: what a guest boots from, and the step that puts all of it into guest memory.

#ifndef MAYFLY_VMM_BOOT_SOURCE_H_
#define MAYFLY_VMM_BOOT_SOURCE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "base/phase_timeline.h"
#include "vmm/acpi_tables.h"
#include "vmm/image_file.h"
#include "vmm/kernel_command_line.h"
#include "vmm/kernel_loader.h"

namespace mayfly {

// Files that are open and a command line that is checked. A plain value, made on the loop thread.
struct BootSource {
  ImageFile kernel;
  std::optional<ImageFile> initrd;
  KernelCommandLine command_line;
};

// How the boot processor enters the kernel.
struct BootEntry {
  BootProtocol protocol = BootProtocol::kLinux64;
  GuestAddress address;
};

struct BootOptions {
  uint32_t vcpu_count = 1;
  Placement placement = Placement::kMap;
  std::span<const VirtioMmioResource> virtio_devices;
};

// Loads kernel and initrd, and writes the command line, firmware tables, boot information and boot
// tables of the layout to `memory`, which is still all zeros. Errors name the file.
absl::StatusOr<BootEntry> PrepareBoot(const BootSource& source, const BootOptions& options,
                                      const GuestMemory& memory, PhaseTimeline& timeline);

}  // namespace mayfly

#endif  // MAYFLY_VMM_BOOT_SOURCE_H_
