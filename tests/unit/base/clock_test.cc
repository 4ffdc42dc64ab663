// Clocks: they advance, in microseconds.

#include "base/clock.h"

#include <time.h>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(ClockTest, MonotonicTimeAdvancesByWhatWasSlept) {
  const int64_t start_us = MonotonicTimeUs();
  const timespec pause = {.tv_sec = 0, .tv_nsec = 2'000'000};
  nanosleep(&pause, nullptr);
  EXPECT_GE(MonotonicTimeUs() - start_us, 2'000);
}

TEST(ClockTest, WallTimeIsTheTimeOfDay) {
  EXPECT_NEAR(static_cast<double>(WallTimeUs()) / 1e6, static_cast<double>(time(nullptr)), 2.0);
}

TEST(ClockTest, CpuTimeGrowsWithWork) {
  const int64_t start_us = ProcessCpuTimeUs();
  while (ProcessCpuTimeUs() - start_us < 1'000) {
  }
  EXPECT_GE(ProcessCpuTimeUs(), start_us + 1'000);
}

}  // namespace
}  // namespace mayfly
