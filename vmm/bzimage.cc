// Parses the setup header of a bzImage (Linux, Documentation/arch/x86/boot.rst).

#include "vmm/bzimage.h"

#include <asm/bootparam.h>

#include <algorithm>
#include <bit>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "vmm/image_bytes.h"

namespace mayfly {
namespace {

constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint32_t kHeaderMagic = 0x53726448;  // "HdrS"
constexpr uint16_t kFirstProtocolWith64BitEntry = 0x020c;
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kParagraphBytes = 16;  // the unit of syssize
// A setup_sects of 0 means this.
constexpr uint8_t kDefaultSetupSectors = 4;
// The header ends at 0x202 plus the byte at 0x201, which is the offset of its first instruction, a
// short jump.
constexpr uint64_t kJumpEndOffset = 0x202;
constexpr uint64_t kJumpDistanceOffset = 0x201;
// The zero page has room for a header up to the next field, edd_mbr_sig_buffer.
constexpr uint64_t kSetupHeaderLimitOffset = offsetof(boot_params, edd_mbr_sig_buffer);
// Protocol 2.12 has all fields up to and with init_size.
constexpr uint64_t kInitSizeEndOffset = offsetof(boot_params, hdr.handover_offset);

static_assert(offsetof(boot_params, hdr) == BzImage::kSetupHeaderOffset);
static_assert(kSetupHeaderLimitOffset == 0x290);

absl::Status Invalid(absl::string_view reason) { return absl::InvalidArgumentError(reason); }

std::optional<setup_header> ReadSetupHeader(std::span<const uint8_t> file) {
  return ReadImageObject<setup_header>(file, BzImage::kSetupHeaderOffset);
}

absl::Status CheckProtocol(const setup_header& header) {
  if (header.version < kFirstProtocolWith64BitEntry || (header.xloadflags & XLF_KERNEL_64) == 0) {
    return Invalid("bzImage does not provide a 64-bit entry point");
  }
  if ((header.loadflags & LOADED_HIGH) == 0) {
    return Invalid("zImage (loaded below 1 MiB); the kernel must be a bzImage");
  }
  return absl::OkStatus();
}

absl::Status CopySetupHeader(std::span<const uint8_t> file, BzImage& image) {
  const uint64_t end = kJumpEndOffset + file[kJumpDistanceOffset];
  if (end < kInitSizeEndOffset || end > kSetupHeaderLimitOffset) {
    return Invalid(absl::StrFormat("bzImage setup header ends at %#x; must be %#x to %#x", end,
                                   kInitSizeEndOffset, kSetupHeaderLimitOffset));
  }
  if (end > file.size()) {
    return Invalid("truncated bzImage setup header");
  }
  const auto header = file.first(end).subspan(BzImage::kSetupHeaderOffset);
  image.setup_header.assign(header.begin(), header.end());
  return absl::OkStatus();
}

absl::Status LocateKernel(std::span<const uint8_t> file, const setup_header& header,
                          BzImage& image) {
  const uint64_t setup_sectors =
      header.setup_sects == 0 ? kDefaultSetupSectors : header.setup_sects;
  // The boot sector comes before the setup sectors.
  image.kernel_file_offset = (1 + setup_sectors) * kSectorBytes;
  image.kernel_file_bytes = header.syssize * kParagraphBytes;
  if (image.kernel_file_bytes <= BzImage::kEntry64Offset) {
    return Invalid("bzImage kernel is too small to have a 64-bit entry");
  }
  if (!ImageContains(file, image.kernel_file_offset, image.kernel_file_bytes)) {
    return Invalid("truncated: the bzImage kernel ends past the end of the file");
  }
  return absl::OkStatus();
}

absl::Status CheckPlacement(const BzImage& image) {
  if (image.is_relocatable && !std::has_single_bit(image.alignment_bytes)) {
    return Invalid(absl::StrFormat("bzImage kernel alignment %#x is not a power of two",
                                   image.alignment_bytes));
  }
  if (!image.preferred_address.CheckedAdd(image.memory_bytes)) {
    return Invalid("the bzImage kernel ends past the end of the address space");
  }
  return absl::OkStatus();
}

}  // namespace

bool BzImage::HasMagic(std::span<const uint8_t> file) {
  const auto header = ReadSetupHeader(file);
  return header && header->boot_flag == kBootFlag && header->header == kHeaderMagic;
}

absl::StatusOr<BzImage> BzImage::Parse(std::span<const uint8_t> file) {
  const auto header = ReadSetupHeader(file);
  if (!header) {
    return Invalid(file.empty() ? "empty file" : "truncated bzImage setup header");
  }
  if (!HasMagic(file)) {
    return Invalid("not a bzImage");
  }
  RETURN_IF_ERROR(CheckProtocol(*header));
  BzImage image{.boot_protocol = header->version,
                .preferred_address = GuestAddress(header->pref_address),
                .is_relocatable = header->relocatable_kernel != 0,
                .alignment_bytes = header->kernel_alignment,
                .command_line_max = header->cmdline_size,
                .initrd_address_max = header->initrd_addr_max};
  RETURN_IF_ERROR(CopySetupHeader(file, image));
  RETURN_IF_ERROR(LocateKernel(file, *header, image));
  image.memory_bytes = std::max<uint64_t>(header->init_size, image.kernel_file_bytes);
  RETURN_IF_ERROR(CheckPlacement(image));
  return image;
}

}  // namespace mayfly
