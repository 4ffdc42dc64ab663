// Writes the PVH start info: what a kernel entered by the PVH protocol is told.

#ifndef MAYFLY_VMM_PVH_START_INFO_H_
#define MAYFLY_VMM_PVH_START_INFO_H_

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "vmm/zero_page.h"

namespace mayfly {

// struct hvm_start_info version 1 at layout::kPvhStartInfo, with its module list (the initrd) and
// memory map at their places in the layout (Xen, xen/include/public/arch-x86/hvm/start_info.h).
// InvalidArgument when the memory map does not fit its place.
absl::Status WritePvhStartInfo(const BootInfo& info, const GuestMemory& memory);

}  // namespace mayfly

#endif  // MAYFLY_VMM_PVH_START_INFO_H_
