// FileClone: copies a sparse file to a new one, in steps.

#ifndef MAYFLY_SNAPSHOT_FILE_CLONE_H_
#define MAYFLY_SNAPSHOT_FILE_CLONE_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace mayfly {

// Shares the data with the old file where the file system can (FICLONE), otherwise copies what is
// no hole. Uses descriptors of its owner's. Not thread-safe.
class FileClone {
 public:
  // The first `size_bytes` of `source`, which has as many; `target` is empty and gets that size.
  FileClone(int source_fd, int target_fd, uint64_t size_bytes)
      : source_fd_(source_fd), target_fd_(target_fd), size_bytes_(size_bytes) {}

  // Copies up to `max_bytes`; true when all is copied. Errors: "call: reason"; DataLoss when the
  // source has become shorter.
  absl::StatusOr<bool> Step(uint64_t max_bytes);

 private:
  // Both return how many bytes they copied, at least one.
  absl::StatusOr<uint64_t> CopyRange(uint64_t offset_bytes, uint64_t size_bytes);
  absl::StatusOr<uint64_t> CopyBuffer(uint64_t offset_bytes, uint64_t size_bytes);

  enum class State { kNew, kCopying, kDone };

  int source_fd_;
  int target_fd_;
  uint64_t size_bytes_;
  State state_ = State::kNew;
  // All before it is copied.
  uint64_t offset_bytes_ = 0;
  bool has_copy_file_range_ = true;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_FILE_CLONE_H_
