// Opens disk images.

#include "devices/virtio/backing_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint32_t kMaxPhysicalBlockBytes = 65536;

absl::Status CheckKind(const std::string& path, mode_t mode) {
  if (S_ISREG(mode) || S_ISBLK(mode)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(path, " is ",
                                                 S_ISDIR(mode) ? "a directory" : "no disk",
                                                 ": a disk is a regular file or a block device"));
}

// Asks for a hole where the file has nothing, so that nothing changes whatever the answer.
bool CanPunchHoles(int fd, uint64_t size_bytes, bool is_block_device) {
  // A block device has no place behind its end; those that cannot discard say so later.
  return is_block_device || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                      static_cast<off_t>((size_bytes | 0xffff) + 1), 4096) == 0;
}

}  // namespace

absl::StatusOr<BackingFile> BackingFile::Open(const BackingFileOptions& options) {
  // Before opening: opening a pipe would wait for its other end.
  struct stat before = {};
  if (stat(options.path.c_str(), &before) == 0) {
    RETURN_IF_ERROR(CheckKind(options.path, before.st_mode));
  }
  const int access = options.is_read_only ? O_RDONLY : O_RDWR;
  BackingFile file;
  ASSIGN_OR_RETURN(OwnedFd buffered_fd, OwnedFd::Open(options.path.c_str(), access));
  if (options.is_direct) {
    auto direct_fd = OwnedFd::Open(options.path.c_str(), access | O_DIRECT);
    if (!direct_fd.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          direct_fd.status().message(), " (direct I/O: the file's file system must support it)"));
    }
    file.fd_ = *std::move(direct_fd);
    file.buffered_fd_ = std::move(buffered_fd);
  } else {
    file.fd_ = std::move(buffered_fd);
  }
  const absl::Status status = file.Measure();
  if (!status.ok()) {
    return Annotate(status, options.path);
  }
  file.can_punch_holes_ = file.can_punch_holes_ && !options.is_read_only;
  return file;
}

absl::StatusOr<BackingFile> BackingFile::Duplicate() const {
  BackingFile copy;
  ASSIGN_OR_RETURN(copy.fd_, fd_.Duplicate());
  ASSIGN_OR_RETURN(copy.buffered_fd_, buffered_fd_.Duplicate());
  RETURN_IF_ERROR(copy.Measure());
  copy.can_punch_holes_ = copy.can_punch_holes_ && can_punch_holes_;
  return copy;
}

absl::Status BackingFile::Measure() {
  struct stat now = {};
  if (fstat(fd(), &now) != 0) {
    return ErrnoError("fstat");
  }
  RETURN_IF_ERROR(CheckKind("the file", now.st_mode));
  image_id_ = absl::StrCat(now.st_dev, now.st_rdev, now.st_ino);
  uint32_t physical_block_bytes = static_cast<uint32_t>(now.st_blksize);
  if (S_ISBLK(now.st_mode)) {
    int logical_block_bytes = 0;
    if (ioctl(fd(), BLKGETSIZE64, &size_bytes_) != 0) {
      return ErrnoError("BLKGETSIZE64");
    }
    if (ioctl(fd(), BLKSSZGET, &logical_block_bytes) != 0) {
      return ErrnoError("BLKSSZGET");
    }
    if (ioctl(fd(), BLKPBSZGET, &physical_block_bytes) != 0) {
      return ErrnoError("BLKPBSZGET");
    }
    logical_block_bytes_ = static_cast<uint32_t>(logical_block_bytes);
  } else {
    size_bytes_ = static_cast<uint64_t>(now.st_size);
  }
  physical_block_bytes_ = std::bit_floor(
      std::clamp<uint32_t>(physical_block_bytes, logical_block_bytes_, kMaxPhysicalBlockBytes));
  can_punch_holes_ = CanPunchHoles(fd(), size_bytes_, S_ISBLK(now.st_mode));
  return absl::OkStatus();
}

}  // namespace mayfly
