// mmap and munmap.

#include "base/mapping.h"

#include <sys/mman.h>

#include "base/checked_math.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr size_t kPageSizeBytes = 4096;

// Reserves address space with room to spare and gives back what lies outside the aligned part.
absl::StatusOr<void*> ReserveAligned(size_t size_bytes, size_t alignment_bytes) {
  const auto total_bytes = CheckedAdd(size_bytes, alignment_bytes);
  if (!total_bytes) {
    return ErrnoError("mmap", ENOMEM);
  }
  void* reserved =
      mmap(nullptr, *total_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) {
    return ErrnoError("mmap");
  }
  // Address arithmetic needs the integer value of the pointer.
  const auto start = reinterpret_cast<uintptr_t>(reserved);
  const uintptr_t aligned = AlignUp(start, alignment_bytes).value();
  const size_t head_bytes = aligned - start;
  const size_t tail_bytes = alignment_bytes - head_bytes;
  auto* bytes = static_cast<uint8_t*>(reserved);
  if (head_bytes > 0) {
    munmap(bytes, head_bytes);
  }
  if (tail_bytes > 0) {
    munmap(bytes + head_bytes + size_bytes, tail_bytes);
  }
  return bytes + head_bytes;
}

}  // namespace

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    Unmap();
    data_ = std::exchange(other.data_, nullptr);
    size_bytes_ = std::exchange(other.size_bytes_, 0);
  }
  return *this;
}

absl::StatusOr<Mapping> Mapping::Create(const Options& options) {
  void* place = nullptr;
  int flags = options.flags;
  if (options.alignment_bytes > kPageSizeBytes) {
    ASSIGN_OR_RETURN(place, ReserveAligned(options.size_bytes, options.alignment_bytes));
    flags |= MAP_FIXED;
  }
  void* data =
      mmap(place, options.size_bytes, options.protection, flags, options.fd, options.offset_bytes);
  if (data == MAP_FAILED) {
    const absl::Status error = ErrnoError("mmap");
    if (place != nullptr) {
      munmap(place, options.size_bytes);
    }
    return error;
  }
  return Mapping(static_cast<uint8_t*>(data), options.size_bytes);
}

void Mapping::Unmap() {
  if (data_ != nullptr) {
    munmap(data_, size_bytes_);
    data_ = nullptr;
    size_bytes_ = 0;
  }
}

}  // namespace mayfly
