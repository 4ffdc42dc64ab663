// Allocates places for firmware tables.

#include "vmm/system_table_area.h"

#include "absl/status/status.h"
#include "base/checked_math.h"

namespace mayfly {

absl::StatusOr<GuestAddress> SystemTableArea::Allocate(uint64_t size_bytes,
                                                       uint64_t alignment_bytes) {
  const auto start = AlignUp(next_.value(), alignment_bytes);
  const auto end = start ? CheckedAdd(*start, size_bytes) : std::nullopt;
  if (!end || *end > layout::kSystemTablesEnd.value()) {
    return absl::ResourceExhaustedError("no room for firmware tables");
  }
  next_ = GuestAddress(*end);
  return GuestAddress(*start);
}

}  // namespace mayfly
