// MemoryFile: a memory file that a guest is restored from.

#ifndef MAYFLY_SNAPSHOT_MEMORY_FILE_H_
#define MAYFLY_SNAPSHOT_MEMORY_FILE_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "base/owned_fd.h"
#include "vmm/guest_ram.h"

namespace mayfly {

// The sum of the ranges' sizes, each a positive multiple of `page_bytes`. The ranges are what a
// state file says. InvalidArgument otherwise, and when there are none.
absl::StatusOr<uint64_t> SizeOfRanges(std::span<const GuestRange> ranges, uint64_t page_bytes);

// A descriptor of the file, which nobody changes or shortens while a guest runs on it: that would
// change the guest, or end the process by SIGBUS. Any thread.
class MemoryFile {
 public:
  // A regular file. Errors: "open PATH: reason".
  static absl::StatusOr<MemoryFile> Open(const std::string& path);

  uint64_t size_bytes() const { return size_bytes_; }

  // The RAM of a guest whose regions, from the state file, are `ranges`: private mappings of the
  // file, so that what the guest writes never reaches it, 2 MiB aligned on the host, and populated
  // as they are touched. The memory has a descriptor of its own, so this object may go.
  // InvalidArgument: ranges that are none, overlap or are out of order, or whose size is not the
  // file's; 2 MiB pages, which cannot be those of a file: Firecracker's text.
  absl::StatusOr<GuestMemory> Map(std::span<const GuestRange> ranges, HugePages huge_pages) const;

 private:
  MemoryFile(std::string path, OwnedFd fd, uint64_t size_bytes)
      : path_(std::move(path)), fd_(std::move(fd)), size_bytes_(size_bytes) {}

  absl::StatusOr<Mapping> MapRegion(uint64_t offset_bytes, uint64_t size_bytes,
                                    HugePages huge_pages) const;

  std::string path_;
  OwnedFd fd_;
  uint64_t size_bytes_;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_MEMORY_FILE_H_
