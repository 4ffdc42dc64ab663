// Clock readings.

#include "base/clock.h"

#include <time.h>

namespace mayfly {
namespace {

int64_t ReadClockUs(clockid_t clock) {
  timespec time = {};
  // Cannot fail: the clocks below exist on every Linux.
  (void)clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000;
}

}  // namespace

int64_t MonotonicTimeUs() { return ReadClockUs(CLOCK_MONOTONIC); }
int64_t WallTimeUs() { return ReadClockUs(CLOCK_REALTIME); }
int64_t ProcessCpuTimeUs() { return ReadClockUs(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace mayfly
