// Which pages of a guest's RAM a memory file has to have: those that can differ from zero, or from
// the file that the RAM was restored from.

#ifndef MAYFLY_SNAPSHOT_PAGE_SOURCE_H_
#define MAYFLY_SNAPSHOT_PAGE_SOURCE_H_

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/page_set.h"

namespace mayfly {

// Both are for a guest that is paused: pages that it, or a device, touches meanwhile may be
// missing. Both may name pages too many, and never one too few. Where this process sees no /proc (a
// jail), they name all pages of RAM that is not shared. Errors: the failing call.

// Every page that is not in the set is zero:
// - shared memory: what its file has, in memory or swapped out, by whomever it was written;
// - anonymous memory: the pages this process has;
// - a private mapping of a file: what the file has, and this process's copies;
// - memory with a userfault handler: all, as only the handler knows what is in the others.
absl::StatusOr<PageSet> PopulatedPages(const GuestMemory& memory);

// Every page that is not in the set is as it was when the memory was made:
// - a private mapping of a file: this process's copies;
// - memory with a userfault handler: the pages this process has, so also those only read;
// - all others, which begin as zeros: PopulatedPages.
absl::StatusOr<PageSet> WrittenSinceLoad(const GuestMemory& memory);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_PAGE_SOURCE_H_
