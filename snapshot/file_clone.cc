// FICLONE, copy_file_range, or read and write: the first that works.

#include "snapshot/file_clone.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/status.h"
#include "snapshot/data_extent.h"
#include "snapshot/full_write.h"

namespace mayfly {
namespace {

constexpr uint64_t kBufferBytes = uint64_t{1} << 20;

absl::Status TooShort() {
  return absl::DataLossError("the file became shorter while it was copied");
}

}  // namespace

absl::StatusOr<bool> FileClone::Step(uint64_t max_bytes) {
  if (state_ == State::kNew) {
    state_ = ioctl(target_fd_, FICLONE, source_fd_) == 0 ? State::kDone : State::kCopying;
    if (ftruncate(target_fd_, static_cast<off_t>(size_bytes_)) != 0) {
      return ErrnoError("ftruncate");
    }
  }
  uint64_t left_bytes = max_bytes;
  while (state_ == State::kCopying && left_bytes > 0) {
    ASSIGN_OR_RETURN(const auto extent, NextDataExtent(source_fd_, offset_bytes_, size_bytes_));
    if (!extent) {
      state_ = State::kDone;
      break;
    }
    ASSIGN_OR_RETURN(const uint64_t copied_bytes,
                     CopyRange(extent->offset_bytes, std::min(extent->size_bytes, left_bytes)));
    offset_bytes_ = extent->offset_bytes + copied_bytes;
    left_bytes -= copied_bytes;
  }
  return state_ == State::kDone;
}

absl::StatusOr<uint64_t> FileClone::CopyRange(uint64_t offset_bytes, uint64_t size_bytes) {
  while (has_copy_file_range_) {
    auto from = static_cast<off_t>(offset_bytes);
    off_t to = from;
    const ssize_t count = copy_file_range(source_fd_, &from, target_fd_, &to, size_bytes, 0);
    if (count > 0) {
      return static_cast<uint64_t>(count);
    }
    if (count == 0) {
      return TooShort();
    }
    if (errno == ENOSPC || errno == EFBIG || errno == EDQUOT || errno == EIO) {
      return ErrnoError("write");
    }
    // Any other reason is one why the kernel does not copy between these two.
    has_copy_file_range_ = errno == EINTR;
  }
  return CopyBuffer(offset_bytes, size_bytes);
}

absl::StatusOr<uint64_t> FileClone::CopyBuffer(uint64_t offset_bytes, uint64_t size_bytes) {
  std::vector<uint8_t> buffer(std::min(size_bytes, kBufferBytes));
  ssize_t count = 0;
  do {
    count = pread(source_fd_, buffer.data(), buffer.size(), static_cast<off_t>(offset_bytes));
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return ErrnoError("read");
  }
  if (count == 0) {
    return TooShort();
  }
  buffer.resize(static_cast<size_t>(count));
  RETURN_IF_ERROR(FullWrite(target_fd_, buffer, offset_bytes));
  return static_cast<uint64_t>(count);
}

}  // namespace mayfly
