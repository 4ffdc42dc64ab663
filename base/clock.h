// The clocks the monitor reads, in microseconds.

#ifndef MAYFLY_BASE_CLOCK_H_
#define MAYFLY_BASE_CLOCK_H_

#include <cstdint>

namespace mayfly {

// CLOCK_MONOTONIC. Any thread.
int64_t MonotonicTimeUs();

// CLOCK_REALTIME. Any thread.
int64_t WallTimeUs();

// CPU time of all threads of this process (CLOCK_PROCESS_CPUTIME_ID). Any thread.
int64_t ProcessCpuTimeUs();

}  // namespace mayfly

#endif  // MAYFLY_BASE_CLOCK_H_
