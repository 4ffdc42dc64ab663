// Mapping: the one owner of a memory mapping.

#ifndef MAYFLY_BASE_MAPPING_H_
#define MAYFLY_BASE_MAPPING_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace mayfly {

// Unmaps its range on destruction. Move-only; an empty one has size 0. Not thread-safe.
class Mapping {
 public:
  struct Options {
    size_t size_bytes = 0;
    int protection = 0;  // PROT_*
    int flags = 0;       // MAP_*
    int fd = -1;         // -1 with MAP_ANONYMOUS
    off_t offset_bytes = 0;
    // The start address is a multiple of this; 0 or 4096: whatever mmap gives. A power of two.
    size_t alignment_bytes = 0;
  };

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { Unmap(); }

  // mmap(2). Errors: "mmap: reason".
  static absl::StatusOr<Mapping> Create(const Options& options);

  uint8_t* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }
  std::span<uint8_t> bytes() const { return {data_, size_bytes_}; }

 private:
  Mapping(uint8_t* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}
  void Unmap();

  uint8_t* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_MAPPING_H_
