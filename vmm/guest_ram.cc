// Backs guest RAM with a memfd or with anonymous memory.

#include "vmm/guest_ram.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kSmallPageBytes = 4096;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

// Whether madvise(MADV_HUGEPAGE) has an effect on a memfd here. The active choice stands in
// brackets.
bool SharedHugePagesAllowed() {
  auto fd = OwnedFd::Open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_RDONLY);
  std::array<char, 128> text{};
  if (!fd.ok() || read(fd->get(), text.data(), text.size() - 1) <= 0) {
    return false;
  }
  return !absl::StrContains(text.data(), "[never]") && !absl::StrContains(text.data(), "[deny]");
}

bool FitsFileSizeLimit(uint64_t size_bytes) {
  struct rlimit limit = {};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && size_bytes <= limit.rlim_cur;
}

bool UsesMemfd(const GuestRamOptions& options) {
  switch (options.huge_pages) {
    case HugePages::k2M:
      return true;
    case HugePages::kTransparent:
      return SharedHugePagesAllowed() && FitsFileSizeLimit(options.size_bytes);
    case HugePages::kNone:
      return FitsFileSizeLimit(options.size_bytes);
  }
  return false;
}

absl::StatusOr<OwnedFd> CreateMemfd(const GuestRamOptions& options) {
  unsigned int flags = MFD_CLOEXEC;
  if (options.huge_pages == HugePages::k2M) {
    flags |= MFD_HUGETLB | MFD_HUGE_2MB;
  }
  OwnedFd fd(memfd_create("guest-ram", flags));
  if (!fd.is_open()) {
    return ErrnoError("memfd_create");
  }
  if (ftruncate(fd.get(), static_cast<off_t>(options.size_bytes)) != 0) {
    return ErrnoError("ftruncate of guest memory");
  }
  return fd;
}

// Hugetlbfs pages are reserved at mmap, so that a host with too few of them says so now and not by
// a SIGBUS later.
absl::StatusOr<Mapping> MapRegion(uint64_t size_bytes, uint64_t file_offset_bytes, int fd,
                                  HugePages huge_pages) {
  const int backing = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  const int reserve = huge_pages == HugePages::k2M ? 0 : MAP_NORESERVE;
  auto mapping = Mapping::Create({.size_bytes = size_bytes,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .flags = backing | reserve,
                                  .fd = fd,
                                  .offset_bytes = static_cast<off_t>(file_offset_bytes),
                                  .alignment_bytes = kHugePageBytes});
  if (!mapping.ok()) {
    const bool hugetlb = huge_pages == HugePages::k2M;
    return Annotate(
        mapping.status(),
        absl::StrFormat("guest memory of %u MiB%s", size_bytes >> 20,
                        hugetlb ? " in 2 MiB pages (see /proc/sys/vm/nr_hugepages)" : ""));
  }
  if (huge_pages == HugePages::kTransparent &&
      madvise(mapping->data(), size_bytes, MADV_HUGEPAGE) != 0) {
    return ErrnoError("madvise(MADV_HUGEPAGE)");
  }
  // Guest RAM belongs in a snapshot, not in the monitor's core dump.
  if (madvise(mapping->data(), size_bytes, MADV_DONTDUMP) != 0) {
    return ErrnoError("madvise(MADV_DONTDUMP)");
  }
  return mapping;
}

}  // namespace

std::vector<GuestRange> GuestRamRanges(uint64_t size_bytes) {
  struct Window {
    GuestAddress start;
    uint64_t size_bytes;
  };
  constexpr std::array<Window, 3> kWindows = {
      Window{GuestAddress(0), layout::kMmio32Hole.value()},
      Window{layout::kMmio32HoleEnd, layout::kMmio64Hole.value() - layout::kMmio32HoleEnd.value()},
      Window{layout::kMmio64HoleEnd, UINT64_MAX - layout::kMmio64HoleEnd.value()},
  };
  std::vector<GuestRange> ranges;
  uint64_t left_bytes = size_bytes;
  for (const Window& window : kWindows) {
    const uint64_t part_bytes = std::min(left_bytes, window.size_bytes);
    if (part_bytes > 0) {
      ranges.push_back({window.start, part_bytes});
    }
    left_bytes -= part_bytes;
  }
  return ranges;
}

absl::Status CheckGuestRamSize(const GuestRamOptions& options) {
  const uint64_t page_bytes =
      options.huge_pages == HugePages::kNone ? kSmallPageBytes : kHugePageBytes;
  if (options.size_bytes == 0 || options.size_bytes % page_bytes != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "guest memory of %u bytes is not a positive multiple of the %u KiB page size",
        options.size_bytes, page_bytes >> 10));
  }
  struct sysinfo host = {};
  if (sysinfo(&host) != 0) {
    return ErrnoError("sysinfo");
  }
  const uint64_t host_bytes = uint64_t{host.totalram} * host.mem_unit;
  if (options.size_bytes > host_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("guest memory of %u MiB is more than the host's %u MiB",
                        options.size_bytes >> 20, host_bytes >> 20));
  }
  return absl::OkStatus();
}

absl::StatusOr<GuestMemory> CreateGuestRam(const GuestRamOptions& options) {
  RETURN_IF_ERROR(CheckGuestRamSize(options));
  OwnedFd fd;
  if (UsesMemfd(options)) {
    ASSIGN_OR_RETURN(fd, CreateMemfd(options));
  }
  std::vector<GuestMemory::Region> regions;
  uint64_t file_offset_bytes = 0;
  for (const GuestRange& range : GuestRamRanges(options.size_bytes)) {
    ASSIGN_OR_RETURN(Mapping mapping,
                     MapRegion(range.size_bytes, file_offset_bytes, fd.get(), options.huge_pages));
    regions.push_back({range.start, std::move(mapping), file_offset_bytes});
    file_offset_bytes += range.size_bytes;
  }
  return GuestMemory::Create(std::move(regions), std::move(fd));
}

}  // namespace mayfly
