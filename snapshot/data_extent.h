// DataExtent: a piece of a sparse file that is no hole.

#ifndef MAYFLY_SNAPSHOT_DATA_EXTENT_H_
#define MAYFLY_SNAPSHOT_DATA_EXTENT_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"

namespace mayfly {

struct DataExtent {
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;

  bool operator==(const DataExtent&) const = default;
};

// The first piece of data of the file `fd` at or after `from_bytes`, cut at `end_bytes`; nothing
// when there is none before it. Where a file system cannot tell, all is data. Moves the
// descriptor's position. Errors: "lseek: reason".
absl::StatusOr<std::optional<DataExtent>> NextDataExtent(int fd, uint64_t from_bytes,
                                                         uint64_t end_bytes);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_DATA_EXTENT_H_
