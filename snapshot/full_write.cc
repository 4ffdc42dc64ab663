// Goes on after short and interrupted writes.

#include "snapshot/full_write.h"

#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace mayfly {

absl::Status FullWrite(int fd, std::span<const uint8_t> bytes, uint64_t offset_bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return ErrnoError("write", count < 0 ? errno : EIO);
    }
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset_bytes += static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace mayfly
