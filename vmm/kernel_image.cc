// Tells kernel files apart and names the formats that are refused.

#include "vmm/kernel_image.h"

#include <array>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace mayfly {
namespace {

using Bytes = std::span<const uint8_t>;

bool StartsWith(Bytes file, absl::string_view magic) {
  return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
}

struct Signature {
  absl::string_view magic;
  absl::string_view reason;
};

constexpr absl::string_view Magic(const char* bytes, size_t size_bytes) {
  return absl::string_view(bytes, size_bytes);
}

// What users are likely to pass by mistake.
constexpr std::array kRefused = {
    Signature{Magic("\x1f\x8b", 2), "a gzip-compressed file; decompress it first"},
    Signature{Magic("\x28\xb5\x2f\xfd", 4), "a zstd-compressed file; decompress it first"},
    Signature{Magic("\xfd"
                    "7zXZ\0",
                    6),
              "an xz-compressed file; decompress it first"},
    Signature{Magic("BZh", 3), "a bzip2-compressed file; decompress it first"},
    Signature{Magic("\x02\x21\x4c\x18", 4), "an lz4-compressed file; decompress it first"},
    Signature{Magic("\x04\x22\x4d\x18", 4), "an lz4-compressed file; decompress it first"},
    Signature{Magic("\x89LZO", 4), "an lzop-compressed file; decompress it first"},
    Signature{Magic("MZ", 2), "an EFI program (PE) without a Linux boot header"},
    Signature{Magic("070701", 6), "a cpio archive; is this the initrd?"},
    Signature{Magic("!<arch>", 7), "an ar archive; is this a package?"},
    Signature{Magic("\x27\x05\x19\x56", 4), "a U-Boot image; extract the kernel first"},
};

}  // namespace

absl::StatusOr<KernelFormat> DetectKernelFormat(std::span<const uint8_t> file) {
  if (file.empty()) {
    return absl::InvalidArgumentError("empty file");
  }
  if (StartsWith(file,
                 "\x7f"
                 "ELF")) {
    return KernelFormat::kElf;
  }
  // Before the refused ones: a bzImage with an EFI stub starts like an EFI program.
  if (BzImage::HasMagic(file)) {
    return KernelFormat::kBzImage;
  }
  for (const Signature& signature : kRefused) {
    if (StartsWith(file, signature.magic)) {
      return absl::InvalidArgumentError(
          absl::StrCat("neither an ELF file nor a bzImage but ", signature.reason));
    }
  }
  return absl::InvalidArgumentError("neither an ELF file nor a bzImage");
}

absl::StatusOr<KernelImage> ParseKernelImage(std::span<const uint8_t> file) {
  ASSIGN_OR_RETURN(const KernelFormat format, DetectKernelFormat(file));
  if (format == KernelFormat::kElf) {
    ASSIGN_OR_RETURN(ElfImage image, ElfImage::Parse(file));
    return image;
  }
  ASSIGN_OR_RETURN(BzImage image, BzImage::Parse(file));
  return image;
}

}  // namespace mayfly
