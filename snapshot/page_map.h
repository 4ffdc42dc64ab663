// PageMap: which pages of a guest's RAM this process has, from /proc/self/pagemap.

#ifndef MAYFLY_SNAPSHOT_PAGE_MAP_H_
#define MAYFLY_SNAPSHOT_PAGE_MAP_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/page_set.h"

namespace mayfly {

// At one moment: pages that were touched through the mappings. A plain value.
struct PageMap {
  // Mapped pages of a file. The kernel maps the neighbours of a page that is read with it, and
  // takes such pages away when it is short of memory.
  PageSet of_file;
  // Pages of this process's own, in memory or swapped out: anonymous ones, and copies of a file's
  // pages. Before Linux 6.11, pages that a file mapping maps by 2 MiB are also among these.
  PageSet own;

  // Nothing when this process sees no /proc. May take milliseconds for each GiB that is populated.
  // Errors: "/proc/self/pagemap: call: reason".
  static absl::StatusOr<std::optional<PageMap>> Read(const GuestMemory& memory);
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_PAGE_MAP_H_
