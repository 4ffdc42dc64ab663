// TokenBucket: exact rates, the burst, debts, and extreme figures.

#include "devices/virtio/token_bucket.h"

#include <cstdint>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

TEST(TokenBucketConfigTest, NeedsASizeAndATime) {
  EXPECT_FALSE((TokenBucketConfig{}).is_enabled());
  EXPECT_FALSE((TokenBucketConfig{.size = 1}).is_enabled());
  EXPECT_FALSE((TokenBucketConfig{.refill_time_ms = 1, .one_time_burst = 1}).is_enabled());
  EXPECT_TRUE((TokenBucketConfig{.size = 1, .refill_time_ms = 1}).is_enabled());
}

TEST(TokenBucketTest, StartsFullAndKeepsToItsSize) {
  TokenBucket bucket({.size = 10, .refill_time_ms = 1}, 0);
  EXPECT_EQ(bucket.FullUs(0), 0);
  EXPECT_EQ(bucket.WaitUs(10, 0), 0);
  bucket.Take(10, 0);
  EXPECT_EQ(bucket.WaitUs(1, 0), 100);
  // A whole day later it holds no more than its size.
  const int64_t day_us = 86'400'000'000;
  EXPECT_EQ(bucket.WaitUs(10, day_us), 0);
  bucket.Take(10, day_us);
  EXPECT_EQ(bucket.WaitUs(1, day_us), 100);
}

TEST(TokenBucketTest, KeepsWhatIsLeft) {
  const TokenBucketConfig config = {.size = 100, .refill_time_ms = 1'000, .one_time_burst = 50};
  TokenBucket bucket(config, 0);
  bucket.Take(120, 0);
  const TokenBucketState state = bucket.State(10'000);
  EXPECT_EQ(state, (TokenBucketState{.level = 31, .burst = 0}));
  TokenBucket restored(config, 77'000'000);
  restored.Restore(state, 77'000'000);
  EXPECT_EQ(restored.WaitUs(31, 77'000'000), 0);
  EXPECT_EQ(restored.WaitUs(32, 77'000'000), 10'000);
  bucket.Take(131, 10'000);
  EXPECT_EQ(bucket.State(10'000), (TokenBucketState{.debt = 100}));
  restored.Restore(bucket.State(10'000), 77'000'000);
  EXPECT_EQ(restored.DebtUs(77'000'000), 1'000'000);
}

TEST(TokenBucketTest, HoldsNoMoreThanItHasRoomFor) {
  TokenBucket bucket({.size = 10, .refill_time_ms = 1'000, .one_time_burst = 5}, 0);
  bucket.Restore({.level = kMax, .burst = kMax}, 0);
  EXPECT_EQ(bucket.State(0), (TokenBucketState{.level = 10, .burst = 5}));
}

TEST(TokenBucketTest, ImpossibleStatesAreRefused) {
  EXPECT_TRUE(CheckTokenBucketState({.debt = 0xffffffff}).ok());
  EXPECT_TRUE(CheckTokenBucketState({.burst = 1, .debt = 1}).ok());
  EXPECT_EQ(CheckTokenBucketState({.debt = 0x100000000}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckTokenBucketState({.level = 1, .debt = 1}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TokenBucketTest, WaitsUntilItHoldsEnough) {
  TokenBucket bucket({.size = 1'000, .refill_time_ms = 100}, 0);
  bucket.Take(1'000, 0);
  EXPECT_EQ(bucket.WaitUs(0, 0), 0);
  EXPECT_EQ(bucket.WaitUs(1, 0), 100);
  EXPECT_EQ(bucket.WaitUs(1, 99), 1);
  EXPECT_EQ(bucket.WaitUs(1, 100), 0);
  EXPECT_EQ(bucket.WaitUs(1'000, 100), 99'900);
  EXPECT_EQ(bucket.FullUs(100), 99'900);
  EXPECT_EQ(bucket.WaitUs(1'000, 100'000), 0);
}

TEST(TokenBucketTest, DoesNotDriftHoweverOftenItIsAsked) {
  // 7 tokens in 3 ms: no whole number of microseconds a token. Taken as soon as they are there,
  // never enough of them to overflow.
  TokenBucket bucket({.size = 7, .refill_time_ms = 3}, 0);
  bucket.Take(7, 0);
  std::mt19937_64 random(1);
  uint64_t taken = 0;
  int64_t now_us = 0;
  while (now_us < 3'000'000) {
    now_us += 1 + static_cast<int64_t>(random() % 200);
    if (bucket.WaitUs(1, now_us) == 0) {
      bucket.Take(1, now_us);
      ++taken;
    }
  }
  now_us = 3'000'300;
  while (bucket.WaitUs(1, now_us) == 0) {
    bucket.Take(1, now_us);
    ++taken;
  }
  EXPECT_EQ(taken, 7u * 3'000'300u / 3'000u);
}

TEST(TokenBucketTest, SpendsTheBurstFirstAndOnce) {
  TokenBucket bucket({.size = 10, .refill_time_ms = 1, .one_time_burst = 5}, 0);
  EXPECT_EQ(bucket.WaitUs(15, 0), 0);
  bucket.Take(3, 0);
  EXPECT_EQ(bucket.FullUs(0), 0);
  bucket.Take(12, 0);
  EXPECT_EQ(bucket.WaitUs(1, 0), 100);
  // Time fills the bucket and not the burst.
  EXPECT_EQ(bucket.WaitUs(10, 1'000'000), 0);
  bucket.Take(10, 1'000'000);
  EXPECT_EQ(bucket.WaitUs(1, 1'000'000), 100);
}

TEST(TokenBucketTest, LetsMoreThanItsSizePassAndMakesTheNextWait) {
  TokenBucket bucket({.size = 10, .refill_time_ms = 1}, 0);
  EXPECT_EQ(bucket.WaitUs(35, 0), 0);
  bucket.Take(35, 0);
  // (35 - 10) / 10 of a refill time.
  EXPECT_EQ(bucket.DebtUs(0), 2'500);
  EXPECT_EQ(bucket.WaitUs(0, 0), 2'500);
  EXPECT_EQ(bucket.WaitUs(1'000, 1'000), 1'500);
  EXPECT_EQ(bucket.FullUs(1'000), 2'500);
  EXPECT_EQ(bucket.DebtUs(2'500), 0);
  EXPECT_EQ(bucket.WaitUs(1, 2'500), 100);
}

TEST(TokenBucketTest, TakesWhatComesBackInTheOrderOfDebtBucketAndBurst) {
  TokenBucket bucket({.size = 10, .refill_time_ms = 1, .one_time_burst = 4}, 0);
  bucket.Take(20, 0);
  EXPECT_EQ(bucket.DebtUs(0), 600);
  bucket.Return(6, 0);
  EXPECT_EQ(bucket.DebtUs(0), 0);
  EXPECT_EQ(bucket.WaitUs(1, 0), 100);
  bucket.Return(10, 0);
  EXPECT_EQ(bucket.FullUs(0), 0);
  // The burst is back to 4 of 4, however much else is returned.
  bucket.Return(100, 0);
  EXPECT_EQ(bucket.WaitUs(14, 0), 0);
  bucket.Take(14, 0);
  EXPECT_EQ(bucket.WaitUs(1, 0), 100);
}

TEST(TokenBucketTest, IgnoresTimeThatRunsBackwards) {
  TokenBucket bucket({.size = 10, .refill_time_ms = 1}, 5'000);
  bucket.Take(10, 5'000);
  EXPECT_EQ(bucket.WaitUs(1, 0), 100);
  EXPECT_EQ(bucket.WaitUs(1, 5'050), 50);
  EXPECT_EQ(bucket.WaitUs(1, 5'010), 50);
  EXPECT_EQ(bucket.WaitUs(1, 5'100), 0);
}

TEST(TokenBucketTest, ExtremeFiguresNeitherOverflowNorGiveTokensAway) {
  TokenBucket all({.size = kMax, .refill_time_ms = kMax, .one_time_burst = kMax}, 0);
  EXPECT_EQ(all.WaitUs(kMax, 0), 0);
  all.Take(kMax, 0);
  EXPECT_EQ(all.WaitUs(kMax, 0), 0);
  all.Take(kMax, 0);
  EXPECT_EQ(all.WaitUs(1, 0), 1);
  EXPECT_GT(all.WaitUs(kMax, 1), kForever - 2'000);
  EXPECT_EQ(all.WaitUs(1, kForever), 0);

  TokenBucket slow({.size = 1, .refill_time_ms = kMax}, 0);
  slow.Take(kMax, 0);
  EXPECT_EQ(slow.DebtUs(0), kForever);
  EXPECT_EQ(slow.FullUs(0), kForever);
  EXPECT_EQ(slow.DebtUs(kForever), kForever);

  TokenBucket fast({.size = kMax, .refill_time_ms = 1}, 0);
  fast.Take(kMax, 0);
  EXPECT_EQ(fast.WaitUs(kMax, 0), 1'000);
  EXPECT_EQ(fast.WaitUs(kMax, kForever), 0);
}

}  // namespace
}  // namespace mayfly
