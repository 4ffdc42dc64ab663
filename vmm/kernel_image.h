// KernelImage: a kernel file of whichever format, told apart by content.

#ifndef MAYFLY_VMM_KERNEL_IMAGE_H_
#define MAYFLY_VMM_KERNEL_IMAGE_H_

#include <cstdint>
#include <span>
#include <variant>

#include "absl/status/statusor.h"
#include "vmm/bzimage.h"
#include "vmm/elf_image.h"

namespace mayfly {

enum class KernelFormat { kElf, kBzImage };

using KernelImage = std::variant<ElfImage, BzImage>;

// InvalidArgument when `file` is neither; says what it is where it can be told (compressed, EFI
// program, ...).
absl::StatusOr<KernelFormat> DetectKernelFormat(std::span<const uint8_t> file);

// Detects and parses; never reads past `file`. InvalidArgument with one phrase on what is wrong;
// the caller adds the file's name.
absl::StatusOr<KernelImage> ParseKernelImage(std::span<const uint8_t> file);

}  // namespace mayfly

#endif  // MAYFLY_VMM_KERNEL_IMAGE_H_
