// Records working sets from the page tables.

#include "snapshot/working_set.h"

#include <optional>
#include <utility>

#include "base/status.h"
#include "snapshot/page_map.h"

namespace mayfly {

absl::StatusOr<WorkingSet> WorkingSet::Record(const GuestMemory& memory) {
  if (memory.backing() != GuestMemory::Backing::kPrivateFile) {
    return absl::FailedPreconditionError(
        "only a guest that was restored from a memory file has a working set");
  }
  ASSIGN_OR_RETURN(std::optional<PageMap> map, PageMap::Read(memory));
  if (!map) {
    return absl::FailedPreconditionError("a working set is read from /proc/self/pagemap");
  }
  return WorkingSet{std::move(map->of_file), std::move(map->own)};
}

}  // namespace mayfly
