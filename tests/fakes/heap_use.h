// HeapUseBytes: how much of the heap this process has in use.

#ifndef MAYFLY_TESTS_FAKES_HEAP_USE_H_
#define MAYFLY_TESTS_FAKES_HEAP_USE_H_

#include <malloc.h>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAYFLY_HAS_SANITIZER_ALLOCATOR 1
#elif defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAYFLY_HAS_SANITIZER_ALLOCATOR 1
#endif
#endif

#ifdef MAYFLY_HAS_SANITIZER_ALLOCATOR
// Of the sanitizers' runtime; gcc has no header for it.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace mayfly {

// Any thread.
inline size_t HeapUseBytes() {
#ifdef MAYFLY_HAS_SANITIZER_ALLOCATOR
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_HEAP_USE_H_
