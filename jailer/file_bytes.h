// FileBytes: reads and writes of small files, whole.

#ifndef MAYFLY_JAILER_FILE_BYTES_H_
#define MAYFLY_JAILER_FILE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly {

// A file, FIFO or anything else that ends; may wait. InvalidArgument for more than `max_bytes`;
// else the failing call, with the path.
absl::StatusOr<std::vector<uint8_t>> ReadFileBytes(const std::string& path, size_t max_bytes);

// Makes the file (mode 0644) or replaces what it holds. After an error it may hold a part. Errors:
// the failing call, with the path.
absl::Status WriteFileBytes(const std::string& path, std::span<const uint8_t> bytes);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_FILE_BYTES_H_
