// MAYFLY_CHECK: ends the process when an invariant of our own code does not hold.
//
// For our own bugs only. Input of a guest, a client or a file is answered with absl::Status.

#ifndef MAYFLY_BASE_CHECK_H_
#define MAYFLY_BASE_CHECK_H_

#include "base/source_path.h"

namespace mayfly {

// Writes "file:line: check failed: condition" to stderr and to the log, and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace mayfly

#define MAYFLY_CHECK(condition)                                                    \
  do {                                                                             \
    if (!(condition)) [[unlikely]] {                                               \
      ::mayfly::CheckFailed(::mayfly::SourcePath(__FILE__), __LINE__, #condition); \
    }                                                                              \
  } while (false)

#endif  // MAYFLY_BASE_CHECK_H_
