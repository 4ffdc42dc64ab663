// SystemTableArea: hands out places for firmware tables in low guest memory.

#ifndef MAYFLY_VMM_SYSTEM_TABLE_AREA_H_
#define MAYFLY_VMM_SYSTEM_TABLE_AREA_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "vmm/guest_layout.h"

namespace mayfly {

// Allocates [layout::kSystemTables, layout::kSystemTablesEnd) bottom-up; nothing is ever given
// back. Used by the code that prepares a boot, on one thread. The first table must be the MP table:
// its floating pointer is looked for at kSystemTables.
class SystemTableArea {
 public:
  // `alignment_bytes` is a power of two. ResourceExhausted when the area is full.
  absl::StatusOr<GuestAddress> Allocate(uint64_t size_bytes, uint64_t alignment_bytes);

 private:
  GuestAddress next_ = layout::kSystemTables;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_SYSTEM_TABLE_AREA_H_
