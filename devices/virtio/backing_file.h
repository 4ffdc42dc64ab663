// BackingFile: the file or block device behind a disk, always raw.

#ifndef MAYFLY_DEVICES_VIRTIO_BACKING_FILE_H_
#define MAYFLY_DEVICES_VIRTIO_BACKING_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

struct BackingFileOptions {
  std::string path;
  bool is_read_only = false;
  // Past the host's page cache (O_DIRECT).
  bool is_direct = false;
};

// An open disk image. What its bytes say is the guest's affair: no format is ever looked for
// (CVE-2026-27211). A plain value of its device; loop thread.
class BackingFile {
 public:
  static constexpr uint64_t kSectorBytes = 512;

  // Errors: "open PATH: reason"; InvalidArgument for what is neither a regular file nor a block
  // device; FailedPrecondition where the file system has no O_DIRECT.
  static absl::StatusOr<BackingFile> Open(const BackingFileOptions& options);
  // The same open file under descriptors of its own, with the size that it has now.
  absl::StatusOr<BackingFile> Duplicate() const;

  int fd() const { return fd_.get(); }
  // The same file through the page cache, for requests that O_DIRECT does not take.
  int buffered_fd() const { return buffered_fd_.is_open() ? buffered_fd_.get() : fd_.get(); }
  bool is_direct() const { return buffered_fd_.is_open(); }

  // Whole sectors; bytes behind the last whole one are out of the guest's reach.
  uint64_t sector_count() const { return size_bytes_ / kSectorBytes; }
  uint64_t size_bytes() const { return size_bytes_; }
  // The unit a guest may address: 512 for files, the device's own for block devices.
  uint32_t logical_block_bytes() const { return logical_block_bytes_; }
  // The unit the host stores: smaller writes cost it a read.
  uint32_t physical_block_bytes() const { return physical_block_bytes_; }
  // fallocate(2) can make holes in it.
  bool can_punch_holes() const { return can_punch_holes_; }
  // What Firecracker's guests read as the disk's id: device, raw device and inode numbers.
  const std::string& image_id() const { return image_id_; }

 private:
  BackingFile() = default;

  absl::Status Measure();

  OwnedFd fd_;
  OwnedFd buffered_fd_;
  uint64_t size_bytes_ = 0;
  uint32_t logical_block_bytes_ = kSectorBytes;
  uint32_t physical_block_bytes_ = kSectorBytes;
  bool can_punch_holes_ = false;
  std::string image_id_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_BACKING_FILE_H_
