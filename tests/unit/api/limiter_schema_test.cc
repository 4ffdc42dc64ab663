// Rate limiters from and to JSON, and what a PATCH makes of them.

#include "api/limiter_schema.h"

#include <optional>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(LimiterSchemaTest, ABucketNeedsItsSizeAndTime) {
  const auto bucket = DecodeJson(R"({"size":5,"refill_time":6,"one_time_burst":7,"other":[]})",
                                 TokenBucketSchema());
  ASSERT_TRUE(bucket.ok()) << bucket.status();
  EXPECT_EQ(bucket->size, 5u);
  EXPECT_EQ(bucket->refill_time_ms, 6u);
  EXPECT_EQ(bucket->one_time_burst, 7u);
  EXPECT_EQ(DecodeJson(R"({"size":5})", TokenBucketSchema()).status().message(),
            "missing field `refill_time` at line 1 column 10");
  EXPECT_EQ(DecodeJson(R"({"refill_time":5})", TokenBucketSchema()).status().message(),
            "missing field `size` at line 1 column 17");
  EXPECT_EQ(DecodeJson(R"({"size":-1})", TokenBucketSchema()).status().message(),
            "invalid value: integer `-1`, expected u64 at line 1 column 10");
}

TEST(LimiterSchemaTest, ALimiterHasBothBucketsOrOneOrNone) {
  const auto limiter = DecodeJson(R"({"ops":{"size":1,"refill_time":2}})", RateLimiterSchema());
  ASSERT_TRUE(limiter.ok()) << limiter.status();
  EXPECT_FALSE(limiter->bandwidth.has_value());
  EXPECT_EQ(limiter->ops->size, 1u);
  EXPECT_TRUE(DecodeJson(R"({"bandwidth":null})", RateLimiterSchema()).ok());
  EXPECT_EQ(DecodeJson(R"({"iops":{}})", RateLimiterSchema()).status().message(),
            "unknown field `iops`, expected `bandwidth` or `ops` at line 1 column 7");
}

TEST(LimiterSchemaTest, WhatIsAbsentIsNoLimit) {
  EXPECT_FALSE(LimiterConfigOf(std::nullopt).bandwidth.is_enabled());
  const RateLimiterConfig config = LimiterConfigOf(RateLimiterUpdate{
      .bandwidth = TokenBucketConfig{.size = 3, .refill_time_ms = 4, .one_time_burst = 5}});
  EXPECT_EQ(config.bandwidth.size, 3u);
  EXPECT_EQ(config.bandwidth.refill_time_ms, 4u);
  EXPECT_EQ(config.bandwidth.one_time_burst, 5u);
  EXPECT_FALSE(config.ops.is_enabled());
}

TEST(LimiterSchemaTest, AnUpdateKeepsWhatItDoesNotName) {
  std::optional<RateLimiterUpdate> settings;
  ApplyLimiterUpdate({.ops = TokenBucketConfig{.size = 1, .refill_time_ms = 1}}, settings);
  ApplyLimiterUpdate({.bandwidth = TokenBucketConfig{.size = 2, .refill_time_ms = 2}}, settings);
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->ops->size, 1u);
  EXPECT_EQ(settings->bandwidth->size, 2u);
  ApplyLimiterUpdate({.ops = TokenBucketConfig()}, settings);
  EXPECT_FALSE(LimiterConfigOf(settings).ops.is_enabled());
  EXPECT_TRUE(LimiterConfigOf(settings).bandwidth.is_enabled());
}

TEST(LimiterSchemaTest, OnlyLimitsAreShown) {
  EXPECT_EQ(LimiterToJson(std::nullopt).dump(), "null");
  EXPECT_EQ(LimiterToJson(RateLimiterUpdate()).dump(), "null");
  EXPECT_EQ(LimiterToJson(RateLimiterUpdate{.ops = TokenBucketConfig{.size = 9}}).dump(), "null");
  EXPECT_EQ(LimiterToJson(
                RateLimiterUpdate{
                    .bandwidth = TokenBucketConfig{.size = 1, .refill_time_ms = 2},
                    .ops = TokenBucketConfig{.size = 3, .refill_time_ms = 4, .one_time_burst = 5}})
                .dump(),
            R"({"bandwidth":{"size":1,"one_time_burst":null,"refill_time":2},)"
            R"("ops":{"size":3,"one_time_burst":5,"refill_time":4}})");
}

}  // namespace
}  // namespace mayfly
