// ThreadName: what the calling thread is called, for the log and for tools that look at threads.

#ifndef MAYFLY_BASE_THREAD_NAME_H_
#define MAYFLY_BASE_THREAD_NAME_H_

#include "absl/strings/string_view.h"

namespace mayfly {

// Names the calling thread; 15 bytes at most count. In the main thread that is the process's name,
// too.
void SetThreadName(absl::string_view name);

// The name that SetThreadName gave, or else the kernel's. Asks the kernel once for each thread.
// Async-signal-safe.
absl::string_view ThreadName();

}  // namespace mayfly

#endif  // MAYFLY_BASE_THREAD_NAME_H_
