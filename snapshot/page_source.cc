// Asks the file behind the RAM, the page tables, or both.

#include "snapshot/page_source.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "snapshot/data_extent.h"
#include "snapshot/page_map.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = PageSet::kPageBytes;

PageSet AllPages(const GuestMemory& memory) {
  PageSet pages(memory.page_count());
  pages.AddRun({0, memory.page_count()});
  return pages;
}

absl::Status AddFileData(const GuestMemory& memory, PageSet* pages) {
  uint64_t first_page = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    const uint64_t start_bytes = region.file_offset_bytes;
    const uint64_t end_bytes = start_bytes + region.mapping.size_bytes();
    uint64_t from_bytes = start_bytes;
    while (true) {
      ASSIGN_OR_RETURN(const auto extent, NextDataExtent(memory.fd(), from_bytes, end_bytes));
      if (!extent) {
        break;
      }
      from_bytes = extent->offset_bytes + extent->size_bytes;
      const uint64_t first = (extent->offset_bytes - start_bytes) / kPage;
      const uint64_t last = (from_bytes - 1 - start_bytes) / kPage;
      pages->AddRun({first_page + first, last - first + 1});
    }
    first_page += region.mapping.size_bytes() / kPage;
  }
  return absl::OkStatus();
}

// mincore(2) has every page that is mapped, also 2 MiB pages that are just being moved, which
// pagemap does not tell of. It has nothing of what is swapped out.
absl::Status AddResident(const GuestMemory& memory, PageSet* pages) {
  constexpr uint64_t kPagesPerCall = 65536;
  std::vector<uint8_t> residency(kPagesPerCall);
  uint64_t first_page = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    const uint64_t page_count = region.mapping.size_bytes() / kPage;
    for (uint64_t done = 0; done < page_count; done += kPagesPerCall) {
      const uint64_t count = std::min(kPagesPerCall, page_count - done);
      if (mincore(region.mapping.data() + done * kPage, count * kPage, residency.data()) != 0) {
        return ErrnoError("mincore");
      }
      for (uint64_t i = 0; i < count; ++i) {
        if ((residency[i] & 1) != 0) {
          pages->Add(first_page + done + i);
        }
      }
    }
    first_page += page_count;
  }
  return absl::OkStatus();
}

// Hugetlbfs says of the whole file that it is data, and reading it all would populate it.
bool IsHugetlb(int fd) {
  struct statfs file_system = {};
  return fstatfs(fd, &file_system) == 0 && file_system.f_type == HUGETLBFS_MAGIC;
}

absl::StatusOr<PageSet> OwnPages(const GuestMemory& memory) {
  ASSIGN_OR_RETURN(std::optional<PageMap> map, PageMap::Read(memory));
  if (!map) {
    return AllPages(memory);
  }
  return std::move(map->own);
}

absl::StatusOr<PageSet> SharedPages(const GuestMemory& memory) {
  PageSet pages(memory.page_count());
  RETURN_IF_ERROR(IsHugetlb(memory.fd()) ? AddResident(memory, &pages)
                                         : AddFileData(memory, &pages));
  return pages;
}

absl::StatusOr<PageSet> AnonymousPages(const GuestMemory& memory) {
  ASSIGN_OR_RETURN(PageSet pages, OwnPages(memory));
  RETURN_IF_ERROR(AddResident(memory, &pages));
  return pages;
}

// Those that may have something, but for what lies over the backing.
absl::StatusOr<PageSet> BackingPages(const GuestMemory& memory) {
  switch (memory.backing()) {
    case GuestMemory::Backing::kShared:
      return SharedPages(memory);
    case GuestMemory::Backing::kAnonymous:
      return AnonymousPages(memory);
    case GuestMemory::Backing::kPrivateFile: {
      ASSIGN_OR_RETURN(PageSet pages, OwnPages(memory));
      RETURN_IF_ERROR(AddFileData(memory, &pages));
      return pages;
    }
    case GuestMemory::Backing::kUserfault:
      return AllPages(memory);
  }
  return AllPages(memory);
}

}  // namespace

absl::StatusOr<PageSet> PopulatedPages(const GuestMemory& memory) {
  ASSIGN_OR_RETURN(PageSet pages, BackingPages(memory));
  if (memory.image_pages().page_count() > 0) {
    pages.AddAll(memory.image_pages());
  }
  return pages;
}

absl::StatusOr<PageSet> WrittenSinceLoad(const GuestMemory& memory) {
  switch (memory.backing()) {
    case GuestMemory::Backing::kPrivateFile:
      return OwnPages(memory);
    case GuestMemory::Backing::kUserfault:
      return AnonymousPages(memory);
    case GuestMemory::Backing::kShared:
    case GuestMemory::Backing::kAnonymous:
      return PopulatedPages(memory);
  }
  return AllPages(memory);
}

}  // namespace mayfly
