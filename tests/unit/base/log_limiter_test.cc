// LogLimiter: ten messages in five seconds.

#include "base/log_limiter.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

int CountAllowed(LogLimiter& limiter, int64_t now_us, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) {
    count += limiter.Allow(now_us) ? 1 : 0;
  }
  return count;
}

TEST(LogLimiterTest, AllowsTenInFiveSeconds) {
  LogLimiter limiter;
  EXPECT_EQ(CountAllowed(limiter, 1'000, 4), 4);
  EXPECT_EQ(CountAllowed(limiter, 3'000'000, 100), 6);
  EXPECT_EQ(CountAllowed(limiter, 5'000'999, 1), 0);
}

TEST(LogLimiterTest, StartsAgainAfterFiveSeconds) {
  LogLimiter limiter;
  EXPECT_EQ(CountAllowed(limiter, 0, 100), 10);
  EXPECT_EQ(CountAllowed(limiter, 5'000'000, 100), 10);
  EXPECT_EQ(CountAllowed(limiter, 9'999'999, 1), 0);
  EXPECT_EQ(CountAllowed(limiter, 60'000'000, 1), 1);
}

}  // namespace
}  // namespace mayfly
