// ImageFile: a kernel or initrd file on its way into guest memory.

#ifndef MAYFLY_VMM_IMAGE_FILE_H_
#define MAYFLY_VMM_IMAGE_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_address.h"
#include "base/guest_memory.h"
#include "base/mapping.h"
#include "base/owned_fd.h"

namespace mayfly {

// How an image's bytes get into guest RAM.
enum class Placement {
  kMap,   // whole pages are mapped privately from the page cache, the rest is read
  kRead,  // all bytes are read: RAM in huge pages cannot have small file pages in it
};

// Owned by the code that prepares a boot, on one thread. The file must not change while a guest
// runs from pages mapped of it (docs/decisions/0003). Errors name the file.
class ImageFile {
 public:
  // A regular, non-empty file.
  static absl::StatusOr<ImageFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // The whole file, mapped: reading it faults in only what is looked at.
  std::span<const uint8_t> bytes() const { return mapping_.bytes(); }

  // Puts the file's bytes [file_offset, file_offset + size_bytes) at `address`, each read at most
  // once. They must lie in the file. OutOfRange when the destination is not in guest memory.
  absl::Status Place(uint64_t file_offset, uint64_t size_bytes, GuestAddress address,
                     const GuestMemory& memory, Placement placement) const;

 private:
  ImageFile(std::string path, OwnedFd fd, Mapping mapping)
      : path_(std::move(path)), fd_(std::move(fd)), mapping_(std::move(mapping)) {}

  absl::Status ReadInto(uint64_t file_offset, std::span<uint8_t> out) const;

  std::string path_;
  OwnedFd fd_;
  Mapping mapping_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_IMAGE_FILE_H_
