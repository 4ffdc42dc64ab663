// Finds a page's region.

#include "snapshot/page_span.h"

#include <algorithm>

#include "base/check.h"

namespace mayfly {

std::span<uint8_t> PageSpan(const GuestMemory& memory, PageRun run) {
  MAYFLY_CHECK(run.count > 0 && run.first < memory.page_count());
  uint64_t offset_bytes = run.first * PageSet::kPageBytes;
  for (const GuestMemory::Region& region : memory.regions()) {
    const uint64_t region_bytes = region.mapping.size_bytes();
    if (offset_bytes < region_bytes) {
      const uint64_t size_bytes =
          std::min(run.count, (region_bytes - offset_bytes) / PageSet::kPageBytes) *
          PageSet::kPageBytes;
      return region.mapping.bytes().subspan(offset_bytes, size_bytes);
    }
    offset_bytes -= region_bytes;
  }
  MAYFLY_CHECK(false);
}

}  // namespace mayfly
