// PageSpan: where on the host the pages of a guest's RAM are.

#ifndef MAYFLY_SNAPSHOT_PAGE_SPAN_H_
#define MAYFLY_SNAPSHOT_PAGE_SPAN_H_

#include <cstdint>
#include <span>

#include "base/guest_memory.h"
#include "base/page_set.h"

namespace mayfly {

// The host memory of the beginning of `run`: of all of it, or of what lies in the region of its
// first page. The run is in the memory and not empty.
std::span<uint8_t> PageSpan(const GuestMemory& memory, PageRun run);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_PAGE_SPAN_H_
