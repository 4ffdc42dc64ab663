// FullWrite: all bytes to a place of a file, or an error.

#ifndef MAYFLY_SNAPSHOT_FULL_WRITE_H_
#define MAYFLY_SNAPSHOT_FULL_WRITE_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace mayfly {

// pwrite(2) until all is written. Errors: "write: reason". Past RLIMIT_FSIZE that is an error only
// where SIGXFSZ is ignored.
absl::Status FullWrite(int fd, std::span<const uint8_t> bytes, uint64_t offset_bytes);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_FULL_WRITE_H_
