// BzImage: what a loader needs to know of a Linux bzImage, from its setup header.

#ifndef MAYFLY_VMM_BZIMAGE_H_
#define MAYFLY_VMM_BZIMAGE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/guest_address.h"

namespace mayfly {

// A plain value that holds no reference to the file. Field names of the boot protocol (Linux,
// Documentation/arch/x86/boot.rst) stand in brackets.
struct BzImage {
  // From the start of the protected-mode kernel, which is where it is loaded, to its 64-bit entry.
  static constexpr uint64_t kEntry64Offset = 0x200;
  // Where the setup header starts, in the file and in the zero page.
  static constexpr uint64_t kSetupHeaderOffset = 0x1f1;

  uint16_t boot_protocol = 0;  // [version] 0x020f is 2.15; at least 0x020c
  // The protected-mode kernel in the file: within the file and larger than kEntry64Offset.
  uint64_t kernel_file_offset = 0;
  uint64_t kernel_file_bytes = 0;
  // Where the kernel wants to be loaded [pref_address], and how much memory it needs there before
  // it can look at the memory map: the larger of [init_size] and kernel_file_bytes.
  // preferred_address + memory_bytes does not wrap.
  GuestAddress preferred_address;
  uint64_t memory_bytes = 0;
  bool is_relocatable = false;    // [relocatable_kernel]
  uint32_t alignment_bytes = 0;   // [kernel_alignment] a power of two where is_relocatable
  uint64_t command_line_max = 0;  // [cmdline_size] in bytes, without the terminating NUL
  // The highest address an initrd's last byte may have [initrd_addr_max].
  uint64_t initrd_address_max = 0;
  // The setup header as it is in the file: to be copied to kSetupHeaderOffset of a zeroed zero
  // page, where it ends before the next field at 0x290.
  std::vector<uint8_t> setup_header;

  // Whether `file` has the two magic numbers of the setup header.
  static bool HasMagic(std::span<const uint8_t> file);

  // Reads the setup header and never past `file`. InvalidArgument with one phrase on what is wrong;
  // the caller adds the file's name.
  static absl::StatusOr<BzImage> Parse(std::span<const uint8_t> file);
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_BZIMAGE_H_
