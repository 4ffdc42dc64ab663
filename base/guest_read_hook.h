// The double-fetch oracle of the fuzz targets: what the guest's memory holds changes after each
// read.

#ifndef MAYFLY_BASE_GUEST_READ_HOOK_H_
#define MAYFLY_BASE_GUEST_READ_HOOK_H_

#include <cstdint>
#include <span>

namespace mayfly::guest_read_hook {

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
// Set by a fuzz target, on its one thread; gets the guest memory that was just read, to overwrite
// it.
inline void (*after_read)(std::span<uint8_t> guest_bytes) = nullptr;

inline void AfterRead(std::span<uint8_t> guest_bytes) {
  if (after_read != nullptr) {
    after_read(guest_bytes);
  }
}
#else
inline void AfterRead(std::span<uint8_t> /*guest_bytes*/) {}
#endif

}  // namespace mayfly::guest_read_hook

#endif  // MAYFLY_BASE_GUEST_READ_HOOK_H_
