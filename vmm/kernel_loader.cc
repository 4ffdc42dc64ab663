// Places kernels and initrds.

#include "vmm/kernel_loader.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "vmm/guest_layout.h"
#include "vmm/kernel_image.h"

namespace mayfly {
namespace {

constexpr uint64_t kPageBytes = 4096;

// The kernel and the tables it reads live in the first region; the rest of RAM it finds by the
// memory map.
GuestAddress EndOfLowRam(const GuestMemory& memory) {
  return memory.regions().front().range().end().value_or(GuestAddress(0));
}

absl::Status CheckInRam(GuestRange range, const GuestMemory& memory, absl::string_view what) {
  const auto end = range.end();
  if (range.start < layout::kHighRam) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s at %#x lies below 1 MiB, where boot tables are", what, range.start.value()));
  }
  if (!end || *end > EndOfLowRam(memory)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s [%#x, +%#x) lies outside guest RAM, whose first region ends at %#x",
                        what, range.start.value(), range.size_bytes, EndOfLowRam(memory).value()));
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadedKernel> LoadElf(const ImageFile& file, const ElfImage& image,
                                     const GuestMemory& memory, Placement placement) {
  LoadedKernel kernel = {
      .protocol = image.pvh_entry ? BootProtocol::kPvh : BootProtocol::kLinux64,
      .entry = image.pvh_entry.value_or(image.entry),
  };
  for (const ElfSegment& segment : image.segments) {
    RETURN_IF_ERROR(
        CheckInRam({segment.address, segment.memory_bytes}, memory, "the kernel segment at"));
  }
  for (const ElfSegment& segment : image.segments) {
    RETURN_IF_ERROR(
        file.Place(segment.file_offset, segment.file_bytes, segment.address, memory, placement));
    kernel.end = GuestRange{segment.address, segment.memory_bytes}.end().value_or(kernel.end);
  }
  return kernel;
}

absl::StatusOr<LoadedKernel> LoadBzImage(const ImageFile& file, const BzImage& image,
                                         const GuestMemory& memory, Placement placement) {
  const GuestRange range = {image.preferred_address, image.memory_bytes};
  RETURN_IF_ERROR(CheckInRam(range, memory, "the kernel at"));
  RETURN_IF_ERROR(file.Place(image.kernel_file_offset, image.kernel_file_bytes, range.start, memory,
                             placement));
  LoadedKernel kernel = {.protocol = BootProtocol::kLinux64,
                         .setup_header = image.setup_header,
                         .command_line_max_bytes = image.command_line_max,
                         .initrd_address_max = image.initrd_address_max};
  // Neither sum wraps: the range lies in RAM and is larger than the entry's offset.
  kernel.entry = GuestAddress(range.start.value() + BzImage::kEntry64Offset);
  kernel.end = GuestAddress(range.start.value() + range.size_bytes);
  return kernel;
}

}  // namespace

absl::StatusOr<LoadedKernel> LoadKernel(const ImageFile& file, const GuestMemory& memory,
                                        Placement placement) {
  absl::StatusOr<KernelImage> image = ParseKernelImage(file.bytes());
  if (!image.ok()) {
    return Annotate(image.status(), file.path());
  }
  absl::StatusOr<LoadedKernel> kernel =
      std::holds_alternative<ElfImage>(*image)
          ? LoadElf(file, std::get<ElfImage>(*image), memory, placement)
          : LoadBzImage(file, std::get<BzImage>(*image), memory, placement);
  if (!kernel.ok() && !absl::StrContains(kernel.status().message(), file.path())) {
    return Annotate(kernel.status(), file.path());
  }
  return kernel;
}

absl::StatusOr<GuestRange> LoadInitrd(const ImageFile& file, const LoadedKernel& kernel,
                                      const GuestMemory& memory, Placement placement) {
  const uint64_t size_bytes = file.bytes().size();
  uint64_t limit = EndOfLowRam(memory).value();
  if (kernel.initrd_address_max < limit) {
    limit = kernel.initrd_address_max + 1;
  }
  const uint64_t start = size_bytes <= limit ? AlignDown(limit - size_bytes, kPageBytes) : 0;
  if (size_bytes > limit || start < kernel.end.value()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the initrd of %u KiB does not fit between the kernel's end at %#x and %#x",
        file.path(), size_bytes >> 10, kernel.end.value(), limit));
  }
  RETURN_IF_ERROR(file.Place(0, size_bytes, GuestAddress(start), memory, placement));
  return GuestRange{GuestAddress(start), size_bytes};
}

}  // namespace mayfly
