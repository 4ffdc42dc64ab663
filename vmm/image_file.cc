// Maps and reads image files into guest memory.

#include "vmm/image_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint64_t kPageBytes = 4096;

// The guest's pages of one image belong to its RAM: writable for the guest alone, not in core
// dumps.
absl::Status MapPages(int fd, uint64_t file_offset, std::span<uint8_t> pages) {
  void* mapped = mmap(pages.data(), pages.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                      fd, static_cast<off_t>(file_offset));
  if (mapped == MAP_FAILED) {
    return ErrnoError("mmap");
  }
  if (madvise(mapped, pages.size(), MADV_DONTDUMP) != 0) {
    return ErrnoError("madvise(MADV_DONTDUMP)");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImageFile> ImageFile::Open(const std::string& path) {
  // O_NONBLOCK: a FIFO is to be refused below, not waited for.
  ASSIGN_OR_RETURN(OwnedFd fd, OwnedFd::Open(path.c_str(), O_RDONLY | O_NONBLOCK));
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) {
    return ErrnoError(absl::StrCat("fstat ", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  if (info.st_size == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the file is empty"));
  }
  auto mapping = Mapping::Create({.size_bytes = static_cast<size_t>(info.st_size),
                                  .protection = PROT_READ,
                                  .flags = MAP_PRIVATE,
                                  .fd = fd.get()});
  if (!mapping.ok()) {
    return Annotate(mapping.status(), path);
  }
  return ImageFile(path, std::move(fd), *std::move(mapping));
}

absl::Status ImageFile::Place(uint64_t file_offset, uint64_t size_bytes, GuestAddress address,
                              const GuestMemory& memory, Placement placement) const {
  const auto slice = memory.Resolve({address, size_bytes});
  if (!slice.ok()) {
    return Annotate(slice.status(), path_);
  }
  const std::span<uint8_t> target = {slice->data(), slice->size_bytes()};
  uint64_t head_bytes = size_bytes;
  uint64_t page_bytes = 0;
  if (placement == Placement::kMap && address.value() % kPageBytes == file_offset % kPageBytes) {
    head_bytes = std::min(size_bytes, (kPageBytes - file_offset % kPageBytes) % kPageBytes);
    page_bytes = AlignDown(size_bytes - head_bytes, kPageBytes);
  }
  const uint64_t tail_start = head_bytes + page_bytes;
  RETURN_IF_ERROR(ReadInto(file_offset, target.first(head_bytes)));
  RETURN_IF_ERROR(ReadInto(file_offset + tail_start, target.subspan(tail_start)));
  if (page_bytes == 0) {
    return absl::OkStatus();
  }
  const std::span<uint8_t> pages = target.subspan(head_bytes, page_bytes);
  memory.MarkImage(pages.data(), pages.size());
  return Annotate(MapPages(fd_.get(), file_offset + head_bytes, pages), path_);
}

absl::Status ImageFile::ReadInto(uint64_t file_offset, std::span<uint8_t> out) const {
  while (!out.empty()) {
    const ssize_t count = pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(file_offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrnoError(absl::StrCat("read ", path_));
    }
    if (count == 0) {
      return absl::DataLossError(
          absl::StrCat(path_, ": the file became shorter while it was read"));
    }
    file_offset += static_cast<uint64_t>(count);
    out = out.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
