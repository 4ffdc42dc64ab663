// LocalTime: dates agree with libc's, offsets count.

#include "base/local_time.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

LocalTime ByLibc(time_t seconds) {
  tm utc = {};
  gmtime_r(&seconds, &utc);
  return {.year = utc.tm_year + 1900,
          .month = static_cast<uint32_t>(utc.tm_mon + 1),
          .day = static_cast<uint32_t>(utc.tm_mday),
          .hour = static_cast<uint32_t>(utc.tm_hour),
          .minute = static_cast<uint32_t>(utc.tm_min),
          .second = static_cast<uint32_t>(utc.tm_sec)};
}

TEST(LocalTimeTest, AgreesWithLibcFromTheYear1600To2500) {
  // A prime number of seconds, so that all hours, days and months are met.
  for (time_t seconds = -11'676'096'000; seconds < 16'756'761'600; seconds += 1'000'003) {
    ASSERT_EQ(ToLocalTime({.tv_sec = seconds, .tv_nsec = 0}, 0), ByLibc(seconds)) << seconds;
  }
}

TEST(LocalTimeTest, KnowsLeapDays) {
  const LocalTime leap = {
      .year = 2000, .month = 2, .day = 29, .hour = 23, .minute = 59, .second = 59, .nanosecond = 5};
  EXPECT_EQ(ToLocalTime({.tv_sec = 951'868'799, .tv_nsec = 5}, 0), leap);
  EXPECT_EQ(ToLocalTime({.tv_sec = 951'868'800, .tv_nsec = 0}, 0).month, 3u);
  // 2100 has no such day.
  EXPECT_EQ(ToLocalTime({.tv_sec = 4'107'542'400, .tv_nsec = 0}, 0).day, 1u);
}

TEST(LocalTimeTest, AddsTheOffset) {
  const LocalTime local = ToLocalTime({.tv_sec = 0, .tv_nsec = 0}, -3'600);
  EXPECT_EQ(local.year, 1969);
  EXPECT_EQ(local.month, 12u);
  EXPECT_EQ(local.day, 31u);
  EXPECT_EQ(local.hour, 23u);
}

// In a process of its own, as the zone is the process's.
TEST(LocalTimeTest, TakesTheOffsetOfTheHostsZone) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    setenv("TZ", "XYZ-05:30", 1);
    tzset();
    const time_t before = time(nullptr);
    RefreshUtcOffset();
    const LocalTime local = CurrentLocalTime();
    const time_t after = time(nullptr);
    for (time_t now = before; now <= after; ++now) {
      LocalTime expected = ByLibc(now + 19'800);
      expected.nanosecond = local.nanosecond;
      if (local == expected) {
        _exit(0);
      }
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace mayfly
