// Reads a small text file whole.

#ifndef MAYFLY_API_TEXT_FILE_H_
#define MAYFLY_API_TEXT_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace mayfly {

// A configuration is never larger.
inline constexpr size_t kTextFileMaxBytes = size_t{16} << 20;

// A file, FIFO or anything else that ends. Before a VM runs, as it may wait. ResourceExhausted for
// more than kTextFileMaxBytes; else the failing call, with the path.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace mayfly

#endif  // MAYFLY_API_TEXT_FILE_H_
