// Loads a kernel and an initrd into guest memory.

#ifndef MAYFLY_VMM_KERNEL_LOADER_H_
#define MAYFLY_VMM_KERNEL_LOADER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "vmm/image_file.h"

namespace mayfly {

// How the boot processor enters a kernel.
enum class BootProtocol {
  kPvh,      // 32-bit protected mode, start info in rbx (Xen's PVH ABI, docs/misc/pvh)
  kLinux64,  // long mode, zero page in rsi (Linux, Documentation/arch/x86/boot.rst)
};

struct LoadedKernel {
  BootProtocol protocol = BootProtocol::kLinux64;
  GuestAddress entry;
  // The first address past everything the kernel needs before it knows its memory map.
  GuestAddress end;
  // A bzImage's setup header, for the zero page; empty for ELF.
  std::vector<uint8_t> setup_header;
  // The longest command line the kernel takes, without its NUL, and the highest address of an
  // initrd's last byte.
  uint64_t command_line_max_bytes = UINT64_MAX;
  uint64_t initrd_address_max = UINT64_MAX;
};

// Loads ELF vmlinux (PVH entry where it has the note, else the 64-bit entry) or bzImage (64-bit
// entry). InvalidArgument, naming the file, when it is neither, is broken, or does not lie in RAM
// at or above layout::kHighRam.
absl::StatusOr<LoadedKernel> LoadKernel(const ImageFile& file, const GuestMemory& memory,
                                        Placement placement);

// Puts the initrd at the end of the first RAM region, page aligned, or lower where the kernel wants
// it so. Returns where it lies. InvalidArgument, naming the file, when there is no room above the
// kernel.
absl::StatusOr<GuestRange> LoadInitrd(const ImageFile& file, const LoadedKernel& kernel,
                                      const GuestMemory& memory, Placement placement);

}  // namespace mayfly

#endif  // MAYFLY_VMM_KERNEL_LOADER_H_
