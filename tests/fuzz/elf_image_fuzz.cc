// Feeds ElfImage::Parse any bytes, and checks what it promises of the images it accepts.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "vmm/elf_image.h"

namespace mayfly {
namespace {

bool Holds(const ElfSegment& segment, GuestAddress address) {
  return address >= segment.address &&
         address.value() - segment.address.value() < segment.memory_bytes;
}

void CheckImage(const ElfImage& image, size_t file_bytes) {
  MAYFLY_CHECK(!image.segments.empty());
  const GuestAddress entry = image.pvh_entry.value_or(image.entry);
  bool entry_found = false;
  uint64_t previous_end = 0;
  for (const ElfSegment& segment : image.segments) {
    MAYFLY_CHECK(segment.memory_bytes > 0);
    MAYFLY_CHECK(segment.file_bytes <= segment.memory_bytes);
    MAYFLY_CHECK(segment.file_offset <= file_bytes);
    MAYFLY_CHECK(segment.file_bytes <= file_bytes - segment.file_offset);
    MAYFLY_CHECK(segment.address.value() >= previous_end);
    const auto end = segment.address.CheckedAdd(segment.memory_bytes);
    MAYFLY_CHECK(end.has_value());
    previous_end = end->value();
    entry_found = entry_found || Holds(segment, entry);
  }
  MAYFLY_CHECK(entry_found);
  MAYFLY_CHECK(!image.pvh_entry || image.pvh_entry->value() <= UINT32_MAX);
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto image = mayfly::ElfImage::Parse({data, size});
  if (image.ok()) {
    mayfly::CheckImage(*image, size);
  }
  return 0;
}
