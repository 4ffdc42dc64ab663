// SerialConfig from JSON.

#include "api/serial_config.h"

#include <optional>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(SerialConfigTest, MayBeEmpty) {
  const auto config = DecodeJson("{}", SerialSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->serial_out_path, std::nullopt);
  EXPECT_FALSE(config->rate_limiter.has_value());
}

TEST(SerialConfigTest, TheLimiterIsABareBucket) {
  const auto config = DecodeJson(
      R"({"serial_out_path":"s","rate_limiter":{"size":1,"one_time_burst":2,"refill_time":3}})",
      SerialSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->serial_out_path, "s");
  EXPECT_EQ(config->rate_limiter->size, 1u);
  EXPECT_EQ(config->rate_limiter->one_time_burst, 2u);
  EXPECT_EQ(config->rate_limiter->refill_time_ms, 3u);
  EXPECT_EQ(DecodeJson(R"({"rate_limiter":{"ops":{}}})", SerialSchema()).status().message(),
            "missing field `size` at line 1 column 26");
}

TEST(SerialConfigTest, SaysWhatIsWrong) {
  EXPECT_EQ(DecodeJson(R"({"output_path":"s"})", SerialSchema()).status().message(),
            "unknown field `output_path`, expected `serial_out_path` or `rate_limiter` at line 1 "
            "column 14");
}

}  // namespace
}  // namespace mayfly
