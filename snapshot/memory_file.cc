// Maps memory files.

#include "snapshot/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checked_math.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint64_t kSmallPageBytes = 4096;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

}  // namespace

absl::StatusOr<uint64_t> SizeOfRanges(std::span<const GuestRange> ranges, uint64_t page_bytes) {
  std::optional<uint64_t> size_bytes = 0;
  for (const GuestRange& range : ranges) {
    size_bytes = CheckedAdd(*size_bytes, range.size_bytes);
    if (!size_bytes || range.size_bytes == 0 || range.size_bytes % page_bytes != 0) {
      return absl::InvalidArgumentError(
          absl::StrFormat("guest memory region at %#x of %u bytes is not a positive multiple of "
                          "the %u KiB page size, or too long",
                          range.start.value(), range.size_bytes, page_bytes >> 10));
    }
  }
  if (*size_bytes == 0) {
    return absl::InvalidArgumentError("guest memory has no region");
  }
  return *size_bytes;
}

absl::StatusOr<MemoryFile> MemoryFile::Open(const std::string& path) {
  // Opening a pipe would wait for its other end.
  ASSIGN_OR_RETURN(OwnedFd fd, OwnedFd::Open(path.c_str(), O_RDONLY | O_NONBLOCK));
  struct stat now = {};
  if (fstat(fd.get(), &now) != 0) {
    return Annotate(ErrnoError("fstat"), path);
  }
  if (!S_ISREG(now.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is not a regular file"));
  }
  return MemoryFile(path, std::move(fd), static_cast<uint64_t>(now.st_size));
}

absl::StatusOr<GuestMemory> MemoryFile::Map(std::span<const GuestRange> ranges,
                                            HugePages huge_pages) const {
  if (huge_pages == HugePages::k2M) {
    return absl::InvalidArgumentError(
        "Cannot restore hugetlbfs backed snapshot by mapping the memory file. Please use uffd.");
  }
  ASSIGN_OR_RETURN(const uint64_t ram_bytes, SizeOfRanges(ranges, kSmallPageBytes));
  if (ram_bytes != size_bytes_) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: the memory file has %u bytes, but the guest's memory has %u", path_,
                        size_bytes_, ram_bytes));
  }
  ASSIGN_OR_RETURN(OwnedFd fd, fd_.Duplicate());
  std::vector<GuestMemory::Region> regions;
  uint64_t offset_bytes = 0;
  for (const GuestRange& range : ranges) {
    auto mapping = MapRegion(offset_bytes, range.size_bytes, huge_pages);
    if (!mapping.ok()) {
      return Annotate(mapping.status(), path_);
    }
    regions.push_back({range.start, *std::move(mapping), offset_bytes});
    offset_bytes += range.size_bytes;
  }
  return GuestMemory::Create(std::move(regions), std::move(fd), GuestMemory::Backing::kPrivateFile);
}

absl::StatusOr<Mapping> MemoryFile::MapRegion(uint64_t offset_bytes, uint64_t size_bytes,
                                              HugePages huge_pages) const {
  ASSIGN_OR_RETURN(Mapping mapping,
                   Mapping::Create({.size_bytes = size_bytes,
                                    .protection = PROT_READ | PROT_WRITE,
                                    .flags = MAP_PRIVATE | MAP_NORESERVE,
                                    .fd = fd_.get(),
                                    .offset_bytes = static_cast<off_t>(offset_bytes),
                                    .alignment_bytes = kHugePageBytes}));
  if (huge_pages == HugePages::kTransparent &&
      madvise(mapping.data(), size_bytes, MADV_HUGEPAGE) != 0) {
    return ErrnoError("madvise(MADV_HUGEPAGE)");
  }
  // Guest RAM belongs in a snapshot, not in the monitor's core dump.
  if (madvise(mapping.data(), size_bytes, MADV_DONTDUMP) != 0) {
    return ErrnoError("madvise(MADV_DONTDUMP)");
  }
  return mapping;
}

}  // namespace mayfly
