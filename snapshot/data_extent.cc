// SEEK_DATA and SEEK_HOLE.

#include "snapshot/data_extent.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<std::optional<DataExtent>> NextDataExtent(int fd, uint64_t from_bytes,
                                                         uint64_t end_bytes) {
  if (from_bytes >= end_bytes) {
    return std::optional<DataExtent>();
  }
  const off_t data = lseek(fd, static_cast<off_t>(from_bytes), SEEK_DATA);
  if (data < 0) {
    if (errno == ENXIO) {
      return std::optional<DataExtent>();
    }
    return ErrnoError("lseek");
  }
  const off_t hole = lseek(fd, data, SEEK_HOLE);
  if (hole < 0) {
    // The file became shorter meanwhile.
    if (errno == ENXIO) {
      return std::optional<DataExtent>();
    }
    return ErrnoError("lseek");
  }
  const auto start_bytes = static_cast<uint64_t>(data);
  const uint64_t stop_bytes = std::min(static_cast<uint64_t>(hole), end_bytes);
  if (start_bytes >= stop_bytes) {
    return std::optional<DataExtent>();
  }
  return std::optional<DataExtent>({start_bytes, stop_bytes - start_bytes});
}

}  // namespace mayfly
