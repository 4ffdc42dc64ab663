// ReadImageObject: reads a structure out of a file's bytes, never past their end.

#ifndef MAYFLY_VMM_IMAGE_BYTES_H_
#define MAYFLY_VMM_IMAGE_BYTES_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/guest_memory.h"

namespace mayfly {

// Whether [offset, offset + size_bytes) lies within `file`. Any pair of values is allowed.
inline bool ImageContains(std::span<const uint8_t> file, uint64_t offset, uint64_t size_bytes) {
  return offset <= file.size() && size_bytes <= file.size() - offset;
}

// The object at `offset`, which need not be aligned; nothing when it does not lie within `file`.
template <GuestCopyable T>
std::optional<T> ReadImageObject(std::span<const uint8_t> file, uint64_t offset) {
  if (!ImageContains(file, offset, sizeof(T))) {
    return std::nullopt;
  }
  T object;
  std::memcpy(&object, file.data() + offset, sizeof(T));
  return object;
}

}  // namespace mayfly

#endif  // MAYFLY_VMM_IMAGE_BYTES_H_
