// Feeds BzImage::Parse and the format detection any bytes, and checks what they promise of the
// images they accept.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "base/check.h"
#include "vmm/bzimage.h"
#include "vmm/kernel_image.h"

namespace mayfly {
namespace {

void CheckImage(const BzImage& image, size_t file_bytes) {
  MAYFLY_CHECK(image.kernel_file_offset <= file_bytes);
  MAYFLY_CHECK(image.kernel_file_bytes <= file_bytes - image.kernel_file_offset);
  MAYFLY_CHECK(image.kernel_file_bytes > BzImage::kEntry64Offset);
  MAYFLY_CHECK(image.memory_bytes >= image.kernel_file_bytes);
  MAYFLY_CHECK(image.preferred_address.CheckedAdd(image.memory_bytes).has_value());
  MAYFLY_CHECK(!image.is_relocatable || std::has_single_bit(image.alignment_bytes));
  MAYFLY_CHECK(BzImage::kSetupHeaderOffset + image.setup_header.size() <= 0x290);
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> file(data, size);
  const auto image = mayfly::BzImage::Parse(file);
  if (image.ok()) {
    mayfly::CheckImage(*image, size);
  }
  const auto detected = mayfly::ParseKernelImage(file);
  MAYFLY_CHECK(!detected.ok() || !std::holds_alternative<mayfly::BzImage>(*detected) || image.ok());
  return 0;
}
