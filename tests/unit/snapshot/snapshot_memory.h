// Guest memory of each kind for the tests of the snapshot layer.

#ifndef MAYFLY_TESTS_UNIT_SNAPSHOT_SNAPSHOT_MEMORY_H_
#define MAYFLY_TESTS_UNIT_SNAPSHOT_SNAPSHOT_MEMORY_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/guest_memory.h"
#include "snapshot/memory_file.h"
#include "snapshot/page_span.h"

namespace mayfly {

constexpr uint64_t kPage = PageSet::kPageBytes;

// Two regions of these sizes.
inline std::vector<GuestRange> TwoRanges(uint64_t low_pages, uint64_t high_pages) {
  return {{GuestAddress(0), low_pages * kPage},
          {GuestAddress(uint64_t{4} << 30), high_pages * kPage}};
}

// Shared memory in one memfd, as CreateGuestRam makes it.
inline GuestMemory MakeSharedMemory(const std::vector<GuestRange>& ranges) {
  OwnedFd fd(memfd_create("test", MFD_CLOEXEC));
  uint64_t size_bytes = 0;
  for (const GuestRange& range : ranges) {
    size_bytes += range.size_bytes;
  }
  MAYFLY_CHECK(ftruncate(fd.get(), static_cast<off_t>(size_bytes)) == 0);
  std::vector<GuestMemory::Region> regions;
  uint64_t offset_bytes = 0;
  for (const GuestRange& range : ranges) {
    auto mapping = Mapping::Create({.size_bytes = range.size_bytes,
                                    .protection = PROT_READ | PROT_WRITE,
                                    .flags = MAP_SHARED | MAP_NORESERVE,
                                    .fd = fd.get(),
                                    .offset_bytes = static_cast<off_t>(offset_bytes)});
    MAYFLY_CHECK(mapping.ok());
    regions.push_back({range.start, *std::move(mapping), offset_bytes});
    offset_bytes += range.size_bytes;
  }
  auto memory = GuestMemory::Create(std::move(regions), std::move(fd));
  MAYFLY_CHECK(memory.ok());
  return *std::move(memory);
}

inline GuestMemory MapTestFile(const std::string& path, const std::vector<GuestRange>& ranges) {
  const auto file = MemoryFile::Open(path);
  MAYFLY_CHECK(file.ok());
  auto memory = file->Map(ranges, HugePages::kNone);
  MAYFLY_CHECK(memory.ok());
  return *std::move(memory);
}

// Writes `value` to all bytes of a page.
inline void FillPage(const GuestMemory& memory, uint64_t page, uint8_t value) {
  const auto bytes = PageSpan(memory, {page, 1});
  std::fill(bytes.begin(), bytes.end(), value);
}

inline uint8_t ReadPage(const GuestMemory& memory, uint64_t page) {
  // Not to be left out: it populates the page.
  return *static_cast<volatile uint8_t*>(PageSpan(memory, {page, 1}).data());
}

// The whole RAM, as a memory file has it.
inline std::vector<uint8_t> AllBytes(const GuestMemory& memory) {
  std::vector<uint8_t> bytes;
  for (const GuestMemory::Region& region : memory.regions()) {
    const auto part = region.mapping.bytes();
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes;
}

inline std::vector<uint64_t> Members(const PageSet& pages) {
  std::vector<uint64_t> members;
  for (uint64_t page = 0; page < pages.page_count(); ++page) {
    if (pages.Contains(page)) {
      members.push_back(page);
    }
  }
  return members;
}

inline PageSet SetOf(uint64_t page_count, const std::vector<uint64_t>& members) {
  PageSet pages(page_count);
  for (const uint64_t page : members) {
    pages.Add(page);
  }
  return pages;
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_SNAPSHOT_SNAPSHOT_MEMORY_H_
