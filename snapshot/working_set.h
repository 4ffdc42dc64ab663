// WorkingSet: the pages that a restored guest used, to be there before it asks the next time.

#ifndef MAYFLY_SNAPSHOT_WORKING_SET_H_
#define MAYFLY_SNAPSHOT_WORKING_SET_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/page_set.h"

namespace mayfly {

// A plain value. No page is in both sets.
struct WorkingSet {
  // Only read, so that the file's page is enough.
  PageSet read;
  // Written, so that the guest needs a copy.
  PageSet written;

  bool operator==(const WorkingSet&) const = default;

  // Of a guest that was restored from a file (Backing::kPrivateFile), what this process has mapped
  // since: with the pages that the kernel maps around those read. Whatever was mapped ahead counts
  // as used.
  //
  // Errors: FailedPrecondition for other memory, and where this process sees no /proc; the failing
  // call.
  static absl::StatusOr<WorkingSet> Record(const GuestMemory& memory);
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_WORKING_SET_H_
