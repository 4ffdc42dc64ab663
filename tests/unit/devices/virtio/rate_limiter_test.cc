// RateLimiter: both limits or none, blocking and calling back, updates.

#include "devices/virtio/rate_limiter.h"

#include <memory>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class RateLimiterTest : public LoopTest {
 protected:
  void Limit(const RateLimiterConfig& config) {
    limiter = std::make_unique<RateLimiter>(loop.get(), config, [this] {
      ++unblocked_count;
      unblocked_at_us = MonotonicTimeUs();
    });
  }

  void RunUntilUnblocked() {
    const int count = unblocked_count;
    RunUntil([&] { return unblocked_count > count; });
  }

  std::unique_ptr<RateLimiter> limiter;
  int unblocked_count = 0;
  int64_t unblocked_at_us = 0;
};

INSTANTIATE_TEST_SUITE_P(BestSetup, RateLimiterTest, testing::Values(Ring::Setup::kBest),
                         SetupName);

constexpr TokenBucketConfig kTenInAnHour = {.size = 10, .refill_time_ms = 3'600'000};

TEST_P(RateLimiterTest, WithoutLimitsEverythingPasses) {
  Limit({});
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(limiter->Consume(1, ~uint64_t{0}));
  }
  limiter->Refund(1, 1);
  EXPECT_FALSE(limiter->is_blocked());
}

TEST_P(RateLimiterTest, GoesOnWithWhatWasLeft) {
  Limit({.bandwidth = kTenInAnHour, .ops = kTenInAnHour});
  EXPECT_TRUE(limiter->Consume(3, 7));
  const RateLimiterState state = limiter->State();
  EXPECT_EQ(state.bandwidth->level, 3u);
  EXPECT_EQ(state.ops->level, 7u);
  Limit({.bandwidth = kTenInAnHour, .ops = kTenInAnHour});
  limiter->Restore(state);
  EXPECT_EQ(limiter->State(), state);
  EXPECT_TRUE(limiter->Consume(7, 3));
  EXPECT_FALSE(limiter->Consume(1, 0));
}

// The limits of a restored device may be others.
TEST_P(RateLimiterTest, BucketsThatAreNewOrGoneAreLeftAlone) {
  Limit({.bandwidth = kTenInAnHour});
  limiter->Restore({.ops = TokenBucketState{.level = 1}});
  EXPECT_EQ(limiter->State().bandwidth->level, 10u);
  EXPECT_FALSE(limiter->State().ops.has_value());
}

TEST_P(RateLimiterTest, ImpossibleStatesAreRefused) {
  const TokenBucketState impossible = {.level = 1, .debt = 1};
  EXPECT_TRUE(CheckRateLimiterState({}).ok());
  EXPECT_FALSE(CheckRateLimiterState({.bandwidth = impossible}).ok());
  EXPECT_FALSE(CheckRateLimiterState({.ops = impossible}).ok());
}

TEST_P(RateLimiterTest, TakesBothOrNothing) {
  Limit({.bandwidth = kTenInAnHour, .ops = {.size = 3, .refill_time_ms = 3'600'000}});
  EXPECT_TRUE(limiter->Consume(1, 4));
  EXPECT_FALSE(limiter->Consume(1, 7));
  EXPECT_TRUE(limiter->is_blocked());
  RunUntilUnblocked();
  EXPECT_FALSE(limiter->is_blocked());
  // The refused request took no operation: there are two, and then none.
  EXPECT_TRUE(limiter->Consume(2, 0));
  EXPECT_FALSE(limiter->Consume(1, 1));
  RunUntilUnblocked();
  // Nor did that take bytes.
  EXPECT_TRUE(limiter->Consume(0, 6));
}

TEST_P(RateLimiterTest, WhileBlockedNothingPasses) {
  Limit({.bandwidth = kTenInAnHour});
  EXPECT_FALSE(limiter->is_blocked());
  EXPECT_TRUE(limiter->Consume(1, 9));
  EXPECT_FALSE(limiter->Consume(1, 2));
  EXPECT_FALSE(limiter->Consume(1, 1));
  EXPECT_FALSE(limiter->Consume(1, 0));
  RunUntilUnblocked();
  EXPECT_TRUE(limiter->Consume(1, 1));
}

TEST_P(RateLimiterTest, CallsBackWhenThereIsEnough) {
  Limit({.ops = {.size = 100, .refill_time_ms = 1'000}});
  EXPECT_TRUE(limiter->Consume(100, 0));
  const int64_t start_us = MonotonicTimeUs();
  EXPECT_FALSE(limiter->Consume(4, 0));
  RunUntilUnblocked();
  EXPECT_GE(unblocked_at_us - start_us, 39'000);
  EXPECT_LT(unblocked_at_us - start_us, 99'000);
  EXPECT_TRUE(limiter->Consume(4, 0));
  EXPECT_EQ(unblocked_count, 1);
}

TEST_P(RateLimiterTest, CallsBackAfterATenthOfASecondAtTheLatest) {
  Limit({.ops = kTenInAnHour});
  EXPECT_TRUE(limiter->Consume(10, 0));
  const int64_t start_us = MonotonicTimeUs();
  EXPECT_FALSE(limiter->Consume(1, 0));
  RunUntilUnblocked();
  EXPECT_GE(unblocked_at_us - start_us, 99'000);
  EXPECT_FALSE(limiter->is_blocked());
  EXPECT_FALSE(limiter->Consume(1, 0));
}

TEST_P(RateLimiterTest, WaitsForABatchOfSmallRequests) {
  // One byte flows in each microsecond.
  Limit({.bandwidth = {.size = 1'000'000, .refill_time_ms = 1'000}});
  EXPECT_TRUE(limiter->Consume(1, 1'000'000));
  const int64_t start_us = MonotonicTimeUs();
  while (limiter->Consume(1, 10)) {
  }
  RunUntilUnblocked();
  EXPECT_GE(unblocked_at_us - start_us, 1'000);
  EXPECT_TRUE(limiter->Consume(1, 900));
}

TEST_P(RateLimiterTest, DoesNotWaitForABatchThatWouldOverflow) {
  // One operation every 200 us, and no more than five can be saved up.
  Limit({.ops = {.size = 5, .refill_time_ms = 1}});
  const int64_t start_us = MonotonicTimeUs();
  uint64_t passed_count = 0;
  RunUntil([&] {
    while (limiter->Consume(1, 0)) {
      ++passed_count;
    }
    return MonotonicTimeUs() - start_us > 100'000;
  });
  const auto elapsed_us = static_cast<uint64_t>(MonotonicTimeUs() - start_us);
  EXPECT_LE(passed_count, 5 + elapsed_us / 200);
  EXPECT_GT(passed_count, 100u);
}

TEST_P(RateLimiterTest, ARequestOfMoreThanTheBucketPassesAndIsWaitedFor) {
  Limit({.bandwidth = {.size = 1'000, .refill_time_ms = 100}});
  const int64_t start_us = MonotonicTimeUs();
  EXPECT_TRUE(limiter->Consume(1, 2'500));
  EXPECT_TRUE(limiter->is_blocked());
  EXPECT_FALSE(limiter->Consume(0, 0));
  RunUntilUnblocked();
  // (2500 - 1000) / 1000 of 100 ms: more than a plain wait may last.
  EXPECT_GE(unblocked_at_us - start_us, 149'000);
  EXPECT_TRUE(limiter->Consume(1, 0));
}

TEST_P(RateLimiterTest, WhatIsGivenBackMayBeTakenAgain) {
  Limit({.bandwidth = kTenInAnHour, .ops = kTenInAnHour});
  EXPECT_TRUE(limiter->Consume(10, 10));
  limiter->Refund(2, 3);
  EXPECT_TRUE(limiter->Consume(2, 3));
  EXPECT_FALSE(limiter->Consume(1, 0));
  const int64_t start_us = MonotonicTimeUs();
  limiter->Refund(1, 0);
  RunUntilUnblocked();
  EXPECT_LT(unblocked_at_us - start_us, 90'000);
  EXPECT_TRUE(limiter->Consume(1, 0));
}

TEST_P(RateLimiterTest, AnUpdateChangesOnlyWhatItNames) {
  Limit({.bandwidth = kTenInAnHour, .ops = kTenInAnHour});
  EXPECT_TRUE(limiter->Consume(10, 10));
  limiter->Update({.ops = TokenBucketConfig{.size = 20, .refill_time_ms = 3'600'000}});
  EXPECT_TRUE(limiter->Consume(20, 0));
  EXPECT_FALSE(limiter->Consume(0, 1));
  limiter->Update({.bandwidth = TokenBucketConfig{}});
  EXPECT_TRUE(limiter->is_blocked());
  RunUntilUnblocked();
  EXPECT_TRUE(limiter->Consume(0, 1'000'000));
  EXPECT_FALSE(limiter->Consume(1, 0));
  limiter->Update({});
  RunUntilUnblocked();
  EXPECT_FALSE(limiter->Consume(1, 0));
}

TEST_P(RateLimiterTest, AnUpdateOfOneLimitLeavesTheDebtOfTheOther) {
  Limit({.bandwidth = {.size = 10, .refill_time_ms = 10}, .ops = kTenInAnHour});
  const int64_t start_us = MonotonicTimeUs();
  EXPECT_TRUE(limiter->Consume(1, 60));
  limiter->Update({.ops = TokenBucketConfig{}});
  RunUntilUnblocked();
  EXPECT_GE(unblocked_at_us - start_us, 49'000);
}

TEST_P(RateLimiterTest, AnUpdateEndsAnEndlessDebt) {
  Limit({.bandwidth = {.size = 1, .refill_time_ms = ~uint64_t{0}}});
  EXPECT_TRUE(limiter->Consume(1, ~uint64_t{0}));
  RunFor(1'000);
  EXPECT_TRUE(limiter->is_blocked());
  EXPECT_EQ(unblocked_count, 0);
  limiter->Update({.bandwidth = kTenInAnHour});
  RunUntilUnblocked();
  EXPECT_TRUE(limiter->Consume(1, 10));
}

TEST_P(RateLimiterTest, DestroyedWhileBlockedItDoesNotCallBack) {
  Limit({.ops = {.size = 1, .refill_time_ms = 1}});
  EXPECT_TRUE(limiter->Consume(1, 0));
  EXPECT_FALSE(limiter->Consume(1, 0));
  limiter.reset();
  RunFor(3'000);
  EXPECT_EQ(unblocked_count, 0);
}

}  // namespace
}  // namespace mayfly
