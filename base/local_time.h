// LocalTime: the time of day where the host is, readable in signal handlers.

#ifndef MAYFLY_BASE_LOCAL_TIME_H_
#define MAYFLY_BASE_LOCAL_TIME_H_

#include <time.h>

#include <cstdint>

namespace mayfly {

struct LocalTime {
  int64_t year = 1970;
  uint32_t month = 1;  // 1 to 12
  uint32_t day = 1;
  uint32_t hour = 0;
  uint32_t minute = 0;
  uint32_t second = 0;
  uint32_t nanosecond = 0;

  bool operator==(const LocalTime&) const = default;
};

// `time` of CLOCK_REALTIME as a date and time that is `utc_offset_s` ahead of UTC.
// Async-signal-safe.
LocalTime ToLocalTime(const timespec& time, int64_t utc_offset_s);

// Now, by the offset that the last RefreshUtcOffset found; UTC before it. Async-signal-safe.
LocalTime CurrentLocalTime();

// Asks libc for the offset when a quarter of an hour has begun since the last call: clocks change
// on those. Any thread, but not in a signal handler.
void RefreshUtcOffset();

}  // namespace mayfly

#endif  // MAYFLY_BASE_LOCAL_TIME_H_
